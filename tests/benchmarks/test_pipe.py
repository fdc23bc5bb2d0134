"""The benchmark of live pipes runs; how far behind they may be is tested where they are read."""

from __future__ import annotations

import pytest
from support.benchmark_scripts import benchmark


@pytest.mark.slow
def test_every_container(monkeypatch: pytest.MonkeyPatch) -> None:
    script = benchmark("pipe", monkeypatch)
    results = script.measure(14, 25, "python benchmarks/pipe.py")
    assert set(results.summary) == {f"video.pipe_delay_frames.{name}" for name in script.CONTAINERS}
    assert all(delay >= 0 for delay in results.summary.values())
