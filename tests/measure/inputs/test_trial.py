"""Damaged files in a process of their own: what is broken is found, and a crash is one failure among others."""

from __future__ import annotations

import pytest
from support.broken_readers import GOOD, broken

from isthmus.measure.inputs.spoil import MUTATIONS, WAYS, spoiled, way_of
from isthmus.measure.inputs.trial import try_reader

CASES = 60


def test_what_is_sound_passes() -> None:
    tally = try_reader(broken("refuses"), CASES, 1)
    assert (tally.failures, tally.cases, tally.files) == ([], CASES, 1)
    assert tally.read >= 1
    assert tally.refused > CASES / 2
    assert tally.read + tally.refused == CASES
    assert set(tally.by_mutation) == {"none", *WAYS}


@pytest.mark.parametrize(
    ("name", "words", "fewest"),
    [
        ("raises", "IndexError: 7", CASES / 2),
        ("blames", "PacketError: you did it", CASES / 2),
        ("warns", "RuntimeWarning: overflow", CASES / 2),
        ("says_nothing", "an error without a message", CASES / 2),
        ("hoards", "added ", CASES / 2),
        ("dawdles", "took 0.", 2),
        ("crashes", "the process was ended by SIGSEGV", 2),
        ("leaves", "the process ended with 3", 2),
        ("falls_silent", "no answer within 2 s", 1),
        ("refuses_all", "a whole file is refused", 1),
    ],
)
def test_what_is_broken_is_found(name: str, words: str, fewest: float) -> None:
    cases = 20 if name in ("dawdles", "falls_silent", "crashes", "leaves") else CASES
    tally = try_reader(broken(name), cases, 1, silent_s=2.0 if name == "falls_silent" else 60.0)
    assert tally.cases == cases  # those behind it had their turn
    assert tally.failure_count >= fewest
    assert all(words in failure.reason for failure in tally.failures)
    first = tally.failures[0]
    assert first.data == spoiled(([GOOD]), first.case, f"1 {name}")[1]  # the failure can be made again
    assert first.mutation == way_of(first.case, 1)


def test_what_is_not_installed_is_left_out() -> None:
    tally = try_reader(broken("is_not_there"), CASES, 1)
    assert (tally.cases, tally.left_out) == (0, "some_library is not installed")


def test_every_byte_is_cut_and_flipped_in_its_turn() -> None:
    data = bytes(range(100))
    cuts, flips = set(), set()
    for case in range(1, 1 + 100 * len(WAYS)):
        name, found = spoiled((data,), case, "s")
        if name == WAYS[0]:
            cuts.add(len(found))
        elif name == WAYS[1]:
            (place,) = [i for i in range(100) if found[i] != data[i]]
            flips.add(place)
    assert cuts == flips == set(range(100))


def test_same_seed_same_files() -> None:
    files = (b"one 22 three", b"four 5 six")
    made = [spoiled(files, case, "a") for case in range(200)]
    assert made == [spoiled(files, case, "a") for case in range(200)]
    assert made != [spoiled(files, case, "b") for case in range(200)]
    assert made[:2] == [("none", files[0]), ("none", files[1])]
    assert {name for name, _ in made} == {"none", *WAYS}
    assert any(b"4294967295" in data or b"nan" in data or b"-1" in data for _, data in made)
    assert set(MUTATIONS) < set(WAYS)
