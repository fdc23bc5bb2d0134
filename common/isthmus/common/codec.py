"""The seams of a codec: what each signal says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.common.manifest.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Signal:
    """One kind of signal."""

    name: str
    manifest: type[Manifest]
