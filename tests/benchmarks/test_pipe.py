"""The benchmark of live pipes runs; how far behind they may be is tested where they are read."""

from __future__ import annotations

import importlib.util

import pytest
from support.paths import ROOT

SCRIPT = ROOT / "benchmarks" / "pipe.py"


@pytest.mark.slow
def test_every_container() -> None:
    spec = importlib.util.spec_from_file_location("pipe_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    results = benchmark.measure(14, 25, "python benchmarks/pipe.py")
    assert set(results.summary) == {f"video.pipe_delay_frames.{name}" for name in benchmark.CONTAINERS}
    assert all(delay >= 0 for delay in results.summary.values())
