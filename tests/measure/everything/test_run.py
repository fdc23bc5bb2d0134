"""All measurements in one go: what is done, what is left out, what fails, and what is noted."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from isthmus.common import circumstances
from isthmus.common.circumstances import Circumstances
from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, read_results, read_summary, write_results
from isthmus.data.beside import VARIABLE
from isthmus.measure.everything import run
from isthmus.measure.everything.measurements import DATA, OUT, Measurement, Step
from isthmus.measure.everything.rows import circumstances_table, measured_table, state_table
from isthmus.measure.everything.run import Plan, chosen_measurements, run_measurement

COMMIT = "0123456789ab"
WRITES = """
import json, sys
from pathlib import Path
from isthmus.common.results import Provenance, Results, write_results
write_results(Path(sys.argv[1]), Results(sys.argv[2], Provenance.of("c", "d", 0), {sys.argv[2] + ".a": 1}))
"""
FAILS = "print('one'); print('two'); raise SystemExit(3)"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "shared"))
    (tmp_path / "shared" / "data").mkdir(parents=True)
    return Plan(tmp_path, tmp_path / "work", tmp_path / "results")


def writing(name: str, **others: object) -> Measurement:
    measurement = Measurement(name, ("-c", WRITES, OUT, name), (name,))
    return replace(measurement, **others)  # type: ignore[arg-type]


def leave(folder: Path, name: str, commit: str, *, chosen: str = "Nothing.") -> None:
    where = Circumstances("2026-11-29", commit, "a processor", 2, 0.25)
    write_results(folder, Results(name, Provenance("c", "d", 0, {}, chosen, where), {f"{name}.a": 1}))


def test_a_measurement_runs_and_is_noted(plan: Plan) -> None:
    outcome = run_measurement(plan, writing("one"))
    assert outcome.failure == ""
    assert read_summary(plan.out) == {"all.measurements": 1, "all.minutes": pytest.approx(0, abs=1), "one.a": 1}
    run_measurement(plan, writing("two"))
    run_measurement(plan, writing("one"))
    rows = read_results(plan.out / "all.json").detail["measurements"]
    assert [row["name"] for row in rows] == ["two", "one"]  # the last run of each, in the order of these
    assert rows[1]["writes"] == ["one"]
    assert measured_table({"measurements": rows}).rows[1][1:4] == ("one", rows[1]["date"], f"`{rows[1]['commit']}`")


def test_what_this_code_measured_is_done(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "code_commit", lambda: COMMIT)
    both = Measurement("both", (), ("one", "two"))
    assert not plan.is_done(both)
    leave(plan.out, "one", COMMIT)
    assert not plan.is_done(both)
    leave(plan.out, "two", "ffffffffffff")
    assert not plan.is_done(both)
    assert replace(plan, accepted=("ffffffffffff",)).is_done(both)
    leave(plan.out, "two", COMMIT)
    assert plan.is_done(both)
    assert not replace(plan, again=True).is_done(both)
    assert [row[1] for row in state_table(plan, (both, writing("three"))).rows] == ["done", "to do"]


@pytest.mark.parametrize("commit", [f"{COMMIT}+", "unknown"])
def test_what_nobody_can_make_again_is_never_done(plan: Plan, monkeypatch: pytest.MonkeyPatch, commit: str) -> None:
    monkeypatch.setattr(run, "code_commit", lambda: commit)
    leave(plan.out, "one", commit)
    assert not plan.is_done(writing("one"))


def test_files_of_before_do_not_count(plan: Plan) -> None:
    plan.out.mkdir()
    before = {"provenance": {"command": "c", "data": "d", "seed": 0, "versions": {}}, "summary": {}, "detail": {}}
    (plan.out / "one.json").write_text(json.dumps(before))
    assert not plan.is_done(writing("one"))
    assert circumstances_table(plan.out).rows == (("one", "–", "–", "–", "–", "–"),)
    leave(plan.out, "two", COMMIT, chosen="Points by validation.")
    said = ("two", "2026-11-29", f"`{COMMIT}`", "a processor, 2 cores", "0.25", "Points by validation.")
    assert circumstances_table(plan.out).rows[1] == said


def test_what_it_needs_is_made_once(plan: Plan) -> None:
    step = Step("made", ("-c", "from pathlib import Path; Path('made').mkdir(); print('makes it')"))
    told: list[str] = []
    for _ in range(2):
        assert run_measurement(plan, writing("one", steps=(step,)), told.append).failure == ""
    assert told == ["makes made first; the next run finds it there"]


def test_a_failure_ends_with_its_log(plan: Plan) -> None:
    failing = writing("one", command=("-c", FAILS))
    outcome = run_measurement(plan, failing)
    assert f"ended with 3; its log, {plan.work / 'one.log'}" in outcome.failure
    assert outcome.failure.endswith("one\ntwo")
    assert not (plan.out / "all.json").exists()
    spoiled = run_measurement(plan, writing("one", steps=(Step("never", ("-c", FAILS)),)))
    assert "ended with 3" in spoiled.failure
    assert not (plan.out / "one.json").exists()


def test_data_that_is_not_there_is_told(plan: Plan) -> None:
    needing = writing("one", needs=("set.npz",))
    assert plan.lacks(needing) == ("set.npz",)
    assert state_table(plan, (needing,)).rows[0][1] == "lacks set.npz"
    (plan.root / "shared" / "data" / "set.npz").touch()
    assert plan.lacks(needing) == ()


def test_a_command_finds_its_data_and_its_script(plan: Plan) -> None:
    (plan.root / "benchmarks").mkdir()
    script = plan.root / "benchmarks" / "b.py"
    script.write_text("import json, os, sys; json.dump([sys.argv, os.getcwd()], open('said.json', 'w'))")
    command = ("benchmarks/b.py", "--out", OUT, f"{DATA}kodak")
    measurement = Measurement("b", command, ("b",))
    assert run_measurement(plan, measurement).failure == ""
    said, here = json.loads((plan.work / "said.json").read_text())
    data = str((plan.root / "shared" / "data" / "kodak").resolve())
    assert said == [str(script.resolve()), "--out", str(plan.out.resolve()), data]
    assert Path(here) == plan.work.resolve()
    assert measurement.typed == "python benchmarks/b.py kodak"


def test_times_wait_for_a_quiet_machine(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = iter((3.0, 0.6, 0.1))
    monkeypatch.setattr(run, "load", lambda: next(loads))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    told: list[str] = []
    assert run_measurement(plan, writing("one", is_timed=True), told.append).failure == ""
    assert told == ["waits for a quiet machine: the load is 3.0", "waits for a quiet machine: the load is 0.6"]


def test_measurements_are_chosen_by_name() -> None:
    known = (writing("one"), writing("two"), writing("three"))
    assert [m.name for m in chosen_measurements(known, ())] == ["one", "two", "three"]
    assert [m.name for m in chosen_measurements(known, ("three", "one"))] == ["one", "three"]
    with pytest.raises(InputError, match="expected measurements of one, two, three, got four"):
        chosen_measurements(known, ("four",))


def test_the_python_that_runs_is_the_one_that_measures(plan: Plan) -> None:
    says = writing("one", command=("-c", "import sys; open('said', 'w').write(sys.executable)"))
    run_measurement(plan, says)
    assert (plan.work / "said").read_text() == sys.executable
    assert circumstances.code_commit() == read_results(plan.out / "all.json").detail["measurements"][0]["commit"]
