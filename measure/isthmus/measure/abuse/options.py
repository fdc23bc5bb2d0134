"""What the measures of abuse and load are asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option


@dataclass(frozen=True, slots=True)
class AbuseSettings:
    """How attacks are measured.

    Attributes:
        attacks: their names, comma apart.
        seconds: of each, and of the victim alone before it.
        memory_limit_mb: of the cloud.
        zoo: folder of the codecs, None for those that ship.
    """

    panel: ClassVar[str] = "What"
    attacks: str = option("all", "Names of attacks, comma apart.")
    seconds: float = option(8.0, "Of each attack, and of the victim alone before it.", least=0.5)
    memory_limit_mb: int = option(1024, "Of the cloud, in MiB.", least=256)
    zoo: Path | None = zoo_option()


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How load is measured.

    Attributes:
        streams: open at a time.
        peers: that they are of; one more floods.
        seconds: for which they are used.
        in_turn: streams one after another.
        zoo: folder of the codecs, None for those that ship.
    """

    panel: ClassVar[str] = "What"
    streams: int = option(1000, "Open at a time.", least=2)
    peers: int = option(20, "That they are of, one of which floods.", least=2)
    seconds: float = option(20.0, "For which they are used.", least=0.5)
    in_turn: int = option(10_000, "Streams one after another.", least=1)
    zoo: Path | None = zoo_option()
