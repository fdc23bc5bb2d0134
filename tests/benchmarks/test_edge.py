"""The edge benchmark runs, on a codec small enough for a test; its numbers are not judged here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from support import tiny_codec
from support.paths import ROOT

SCRIPT = ROOT / "benchmarks" / "edge.py"


def test_both_sides_run(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the comparison is torch's eager mode")
    pytest.importorskip("constriction", reason="the comparison's entropy coder")
    spec = importlib.util.spec_from_file_location("edge_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    folder = tiny_codec.write_codec(tmp_path, "pc-lite-any-q4")
    results = benchmark.measure(folder, 1, "python benchmarks/edge.py")
    summary = results.summary
    assert summary["edge.lite.encode_ms_p50"] > 0
    ratio = summary["edge.lite.eager_ms_p50"] / summary["edge.lite.encode_ms_p50"]
    assert summary["edge.lite.speedup_vs_eager"] == pytest.approx(ratio)
    assert results.detail["clouds_each_side"] == benchmark.TURN
