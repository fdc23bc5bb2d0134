"""Ratios to a peer differ from run to run and from machine to machine: the file keeps those of earlier runs, and the
least and the most of all are quoted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from isthmus.common.circumstances import UNKNOWN
from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, read_results

RUNS = "runs_on_record"


def with_record(results: Results, folder: Path, keys: Iterable[str]) -> Results:
    """The results, with what the file of that name in `folder` has of earlier runs.

    Of each key, `KEY_least` and `KEY_most` of all runs are added to the summary. To forget earlier runs, delete the
    file.

    Args:
        results: of this run.
        folder: of the results files.
        keys: of the summary, ratios.
    """
    keys = tuple(keys)
    runs = [*_earlier(folder / f"{results.name}.json", keys), _run(results.provenance, results.summary, keys)]
    summary = dict(results.summary)
    for key in keys:
        found = [run["ratios"][key] for run in runs if key in run["ratios"]]
        summary |= {f"{key}_least": min(found), f"{key}_most": max(found)}
    return replace(results, summary=summary, detail={**results.detail, RUNS: runs})


def _earlier(path: Path, keys: tuple[str, ...]) -> list[Mapping[str, Any]]:
    try:
        before = read_results(path)
    except InputError:
        return []
    runs: list[Mapping[str, Any]] = before.detail.get(RUNS) or [_run(before.provenance, before.summary, keys)]
    return runs


def _run(provenance: Provenance, summary: Mapping[str, float], keys: tuple[str, ...]) -> Mapping[str, Any]:
    where = provenance.circumstances
    return {
        "date": where.date if where else UNKNOWN,
        "commit": where.commit if where else UNKNOWN,
        "processor": where.processor if where else UNKNOWN,
        "load": where.load if where else None,
        "ratios": {key: summary[key] for key in keys if key in summary},
    }
