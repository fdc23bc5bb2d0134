"""The edge benchmark runs, on a codec small enough for a test; its numbers are not judged here."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import tiny_codec
from support.benchmark_scripts import benchmark


def test_both_sides_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the comparison is torch's eager mode")
    pytest.importorskip("constriction", reason="the comparison's entropy coder")
    script = benchmark("edge", monkeypatch)
    folder = tiny_codec.write_codec(tmp_path, "pc-lite-any-q4")
    results = script.measure(folder, 1, "python benchmarks/edge.py")
    summary = results.summary
    assert summary["edge.lite.encode_ms_p50"] > 0
    ratio = summary["edge.lite.eager_ms_p50"] / summary["edge.lite.encode_ms_p50"]
    assert summary["edge.lite.speedup_vs_eager"] == pytest.approx(ratio)
    assert results.detail["clouds_each_side"] == script.TURN
