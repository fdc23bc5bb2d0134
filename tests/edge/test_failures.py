"""Inputs that came to nothing keep their place, and are told once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from isthmus.common.errors import InputError, PacketError
from isthmus.edge.failures import PROGRESS_FROM_COUNT, Failure, input_names, progress_bar


def paths_of(given: Iterable[str | Path]) -> list[Path]:
    """Two files of each name; none of "bad"."""
    (name,) = map(str, given)
    if name == "bad":
        raise InputError("bad: expected a file")
    return [Path(name, "a"), Path(name, "b")]


def test_inputs_keep_their_places() -> None:
    found = list(input_names(["one", "bad", "-", "two"], paths_of))
    assert [each.name if isinstance(each, Failure) else each for each in found] == [
        "one/a",
        "one/b",
        "bad",
        "-",
        "two/a",
        "two/b",
    ]
    assert isinstance(found[2], Failure)


def test_an_input_is_looked_for_when_its_turn_comes() -> None:
    names = input_names(iter(["bad", "one"]), paths_of)
    assert isinstance(next(names), Failure)
    assert next(names) == "one/a"


def test_an_error_that_is_no_matter_of_the_input_ends_all() -> None:
    def broken(_: Iterable[str | Path]) -> list[Path]:
        raise PacketError("not of an input")

    with pytest.raises(PacketError):
        list(input_names(["one"], broken))


@pytest.mark.parametrize(
    ("message", "told"),
    [("x.ply: expected points", "x.ply: expected points"), ("expected points", "x.ply: expected points")],
)
def test_the_name_is_said_once(message: str, told: str) -> None:
    failure = Failure("x.ply", InputError(message))
    assert failure.message == told
    assert failure.fields == {"file": "x.ply", "error": "InputError", "message": message}


@pytest.mark.parametrize("count", [0, 1, PROGRESS_FROM_COUNT - 1, PROGRESS_FROM_COUNT, 1000])
def test_no_bar_where_nobody_looks(count: int, capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar(count) as bar:
        task = bar.add_task("sending", total=count)
        bar.advance(task)
    assert capfd.readouterr() == ("", "")
