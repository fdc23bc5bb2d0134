"""A frame that a spool keeps, and how much is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OLDEST, NEWEST, WAIT = "oldest", "newest", "wait"
DROPS = (WAIT, OLDEST, NEWEST)


@dataclass(frozen=True, slots=True)
class SpoolBounds:
    """How much is kept.

    Attributes:
        max_bytes: of packets and records.
        age_s: of a frame.
        drop: what goes where there is more: "oldest", "newest", or nothing, and whoever brings frames waits.
    """

    max_bytes: int = 1 << 30
    age_s: float = 7 * 86400.0
    drop: str = WAIT


@dataclass(frozen=True, slots=True)
class Kept:
    """One frame.

    Attributes:
        number: of it.
        packet: its bytes; None for a row that needs no answer.
        record: what is told of it.
        is_told: whether it is here only because others refer to it.
    """

    number: int
    packet: bytes | None
    record: Mapping[str, Any]
    is_told: bool
