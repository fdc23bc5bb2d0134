"""What a benchmark's file keeps of earlier runs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from support.benchmark_scripts import benchmark

from isthmus.common.circumstances import Circumstances
from isthmus.common.results import Provenance, Results, write_results


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return benchmark("record", monkeypatch)


def run_of(ratio: float, date: str) -> Results:
    where = Circumstances(date, "0123456789ab", "a processor", 2, 0.5)
    return Results("wire", Provenance("c", "d", 0, {}, circumstances=where), {"wire.ratio": ratio, "wire.ms": 1.0})


def test_least_and_most_of_all_runs(tmp_path: Path, record: ModuleType) -> None:
    summaries = []
    for ratio, date in ((3.0, "2026-11-01"), (2.5, "2026-11-02"), (4.0, "2026-11-03")):
        results = record.with_record(run_of(ratio, date), tmp_path, ["wire.ratio"])
        write_results(tmp_path, results)
        summaries.append(results.summary)
    assert summaries[0] == {"wire.ratio": 3.0, "wire.ms": 1.0, "wire.ratio_least": 3.0, "wire.ratio_most": 3.0}
    assert summaries[2] == {"wire.ratio": 4.0, "wire.ms": 1.0, "wire.ratio_least": 2.5, "wire.ratio_most": 4.0}
    assert [run["date"] for run in results.detail[record.RUNS]] == ["2026-11-01", "2026-11-02", "2026-11-03"]


def test_a_file_of_before_is_a_run(tmp_path: Path, record: ModuleType) -> None:
    write_results(tmp_path, Results("wire", Provenance("c", "d", 0, {}), {"wire.ratio": 2.0}))
    results = record.with_record(run_of(3.0, "2026-11-01"), tmp_path, ["wire.ratio", "wire.ms"])
    assert results.summary["wire.ratio_least"] == 2.0
    assert (results.summary["wire.ms_least"], results.summary["wire.ms_most"]) == (1.0, 1.0)
    assert results.detail[record.RUNS][0]["processor"] == "unknown"
