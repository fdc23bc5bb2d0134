"""The seam of looking: what can be said of one signal's codecs and packets, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isthmus.common.bits.packet import Packet
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.manifest.manifest import Manifest

Rows = list[tuple[str, str]]
"""Fields and what they say, both in words."""

MAX_HEX_BYTES = 64


@dataclass(frozen=True, slots=True)
class Inspector:
    """What can be said of one signal.

    Attributes:
        latents: a codec's in a few words, for a table of codecs.
        codec_rows: what a codec is, from its manifest and its small files.
        packet_rows: what a packet's symbols are; raises the RemoteError of one that the codec's encoder does not write.
        heading: of what `summaries` say.
        summaries: what says of each packet of a stream, in their order, a line.
    """

    latents: Callable[[Any], str]
    codec_rows: Callable[[CodecFolder[Any]], Rows]
    packet_rows: Callable[[CodecFolder[Any], Packet], Rows]
    heading: str
    summaries: Callable[[CodecFolder[Any]], Callable[[Packet], str]]


def inspector_of(manifest: Manifest) -> Inspector:
    """That of a codec's signal."""
    found: Inspector = opened(SIGNALS[manifest.signal].inspector)  # type: ignore[assignment]  # as the signal names it
    return found


def sections_in_hex(packet: Packet) -> str:
    """A packet's sections, nothing decoded."""
    return " | ".join(map(in_hex, packet.sections))


def in_hex(section: bytes) -> str:
    """A section in hex, its beginning where it is long."""
    return section.hex() if len(section) <= MAX_HEX_BYTES else section[:MAX_HEX_BYTES].hex() + "…"
