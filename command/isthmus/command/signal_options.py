"""The options of every signal, and those that commands share: a codec and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, opened
from isthmus.common.options import Options, option


def options_of(signal: Signal) -> type[Options]:
    """The class of the options that only one signal has."""
    kind: type[Options] = opened(signal.options)  # type: ignore[assignment]  # it gives what the signal names
    return kind


# By the signal's name in a manifest.
SIGNAL_OPTIONS: dict[str, type[Options]] = {name: options_of(signal) for name, signal in SIGNALS.items()}
SIGNAL_KINDS = tuple(SIGNAL_OPTIONS.values())


def zoo_option() -> Any:
    """The option `--zoo` of every command that looks for codecs; what it gives is for `isthmus.common.zoo`."""
    return option(
        (),
        "Folder of codecs, searched before those that ship; may be given again for more. [env: ISTHMUS_ZOO]",
        metavar="DIR",
    )


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """Which codec, of what inputs.

    Attributes:
        codec: a codec's name, its folder, or a family's name; "" for the default of the inputs' signal.
        zoo: folders of codecs, searched in order, before those that ship.
        format: of the inputs, "" to tell by their names.
        engine: what runs the networks.
    """

    panel: ClassVar[str] = "Codec"
    codec: str = option(
        "",
        "A codec's name or the path of its folder, or a family of image codecs.",
        automatic=", ".join(f"{signal.default_codec} for {signal.plural}" for signal in SIGNALS.values()),
    )
    zoo: tuple[Path, ...] = zoo_option()
    format: str = option("", "Format of the files.", automatic="by suffix; needed for a point cloud from -")
    engine: str = option("auto", "What runs the networks: auto, compiled or onnxruntime.", metavar="NAME")


@dataclass(frozen=True, slots=True)
class NamedCodecOptions:
    """Which codec, of bytes that name theirs.

    Attributes:
        codec: a codec's name or its folder; "" for the one that the bytes name.
        zoo: folders of codecs, searched in order, before those that ship.
    """

    panel: ClassVar[str] = "Codec"
    codec: str = option("", "A codec's name or the path of its folder.", automatic="by the file's header")
    zoo: tuple[Path, ...] = zoo_option()
