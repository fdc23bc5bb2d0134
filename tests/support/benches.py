"""What cloud halves work with in tests: the allowances of the catalog, or others."""

from __future__ import annotations

from typing import Any

from isthmus.cloud.half import Bench
from isthmus.common.catalog import SIGNALS


def bench(signal: str, **changes: Any) -> Bench:
    """The bench of one signal; `changes` are of `Bench`."""
    return Bench(**{"allowance": SIGNALS[signal].allowance, **changes})


def benches() -> dict[str, Bench]:
    """Those of all signals, by name."""
    return {name: bench(name) for name in SIGNALS}
