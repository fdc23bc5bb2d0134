"""Frames on disk: in order, once, bounded, for one edge at a time, and there again after it was killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import tiny_codec

from isthmus.common.errors import InputError, SpoolError
from isthmus.edge.kept import NEWEST, OLDEST, WAIT, SpoolBounds
from isthmus.edge.spool import FILE, Spool

USUAL = SpoolBounds()
CODEC = "tiny-q1 (00) for classification"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "spool"


def opened(folder: Path, bounds: SpoolBounds = USUAL, inputs: str = "") -> Spool:
    return Spool(folder, CODEC, bounds, inputs)


def fill(spool: Spool, kinds: str, given: int = 0) -> list[bool | None]:
    """Accept frames: "k" a key packet, "p" one that refers to those before it, "r" a row."""
    return [
        spool.accept(None if kind == "r" else kind.encode() * 10, {"at": at}, is_key=kind == "k", given=given)
        for at, kind in enumerate(kinds)
    ]


def numbers(spool: Spool) -> list[int]:
    return [kept.number for kept in spool.after(0, 100)]


def test_frames_come_out_as_they_went_in(folder: Path) -> None:
    spool = opened(folder)
    assert fill(spool, "kpr") == [True, True, True]
    first, second, third = spool.after(0, 100)
    assert (first.packet, first.record, first.is_told) == (b"k" * 10, {"at": 0}, False)
    assert (second.number, third.packet) == (first.number + 1, None)
    assert [kept.number for kept in spool.after(first.number, 1)] == [second.number]
    assert spool.count == 3
    spool.close()


def test_what_was_not_told_is_there_again(folder: Path) -> None:
    spool = opened(folder)
    fill(spool, "kkk")
    spool.tell(1)
    name = spool.id
    spool.close()
    again = opened(folder)
    assert (again.id, again.count, numbers(again)) == (name, 2, [2, 3])
    assert fill(again, "k") == [True]
    assert numbers(again) == [2, 3, 4]
    again.close()


def test_packets_that_others_refer_to_stay_until_those_are_told(folder: Path) -> None:
    spool = opened(folder)
    fill(spool, "kppkpr")
    spool.tell(2)
    assert [(kept.number, kept.is_told) for kept in spool.after(0, 9)] == [
        *((1, True), (2, True), (3, False), (4, False), (5, False), (6, False))
    ]
    spool.tell(3)
    assert numbers(spool) == [4, 5, 6]
    spool.tell(6)
    assert spool.count == 0
    spool.tell(1)  # an older one says nothing new
    assert spool.told_number == 6
    spool.close()
    again = opened(folder)
    assert numbers(again) == []
    assert fill(again, "p") == [True]
    assert numbers(again) == [7]
    again.close()


@pytest.mark.parametrize(
    ("drop", "kept", "left"),
    [
        (OLDEST, [True] * 6, [3, 4, 5, 6]),
        (NEWEST, [True] * 4 + [False] * 2, [1, 2, 3, 4]),
        (WAIT, [True] * 4 + [None] * 2, [1, 2, 3, 4]),
    ],
)
def test_bounded_in_bytes(folder: Path, drop: str, kept: list[bool | None], left: list[int]) -> None:
    spool = opened(folder, SpoolBounds(max_bytes=4 * 19, drop=drop))
    assert fill(spool, "kkkkkk") == kept
    assert numbers(spool) == left
    assert spool.dropped_count == (0 if drop == WAIT else 2)
    spool.close()


def test_of_a_video_all_goes_up_to_the_next_key_packet(folder: Path) -> None:
    spool = opened(folder, SpoolBounds(max_bytes=5 * 19, drop=OLDEST))
    assert fill(spool, "kppkpp") == [True] * 6
    assert numbers(spool) == [4, 5, 6]
    assert fill(spool, "ppp") == [True, True, False]  # without the key packet it refers to nothing
    assert numbers(spool) == []
    assert fill(spool, "k") == [True]
    spool.close()


def test_what_is_under_way_is_not_dropped(folder: Path) -> None:
    spool = opened(folder, SpoolBounds(max_bytes=3 * 19, drop=OLDEST))
    fill(spool, "kkk")
    assert fill(spool, "k", given=2) == [True]
    assert numbers(spool) == [1, 2, 4]
    spool.close()


def test_bounded_in_age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now_s[0])
    spool = opened(folder, SpoolBounds(age_s=60.0))
    fill(spool, "kk")
    now_s[0] += 61
    assert fill(spool, "k") == [True]
    assert numbers(spool) == [3]
    assert spool.dropped_count == 2
    spool.close()


def test_the_same_inputs_go_on_where_they_were(folder: Path) -> None:
    spool = opened(folder, inputs="a")
    fill(spool, "kr")
    spool.close()
    spool = opened(folder, inputs="a")
    assert spool.taken_before == 2
    spool.finish()
    spool.close()
    spool = opened(folder, inputs="a")
    assert spool.taken_before == 0
    fill(spool, "k")
    spool.close()
    for inputs in ("b", ""):
        spool = opened(folder, inputs=inputs)
        assert spool.taken_before == 0
        spool.close()


def test_one_edge_and_one_codec_at_a_time(folder: Path) -> None:
    spool = opened(folder)
    with pytest.raises(InputError, match="another one has it"):
        opened(folder)
    fill(spool, "k")
    spool.close()
    with pytest.raises(
        InputError, match=r"expected a spool of other, it holds 1 frames of tiny-q1 .*; send those first"
    ):
        Spool(folder, "other", SpoolBounds())
    spool = opened(folder)
    spool.tell(1)
    spool.close()
    Spool(folder, "other", SpoolBounds()).close()


def test_what_is_no_spool(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder, or a place to make it"):
        opened(tmp_path / "file" / "spool")
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(SpoolError, match="expected a spool that can be written"):
        opened(folder)
    (folder / FILE).unlink()
    opened(folder).close()
    with sqlite3.connect(folder / FILE) as other:
        other.execute("UPDATE facts SET value = '9' WHERE name = 'format'")
    with pytest.raises(InputError, match="expected a spool of format 1, got one of 9"):
        opened(folder)


@pytest.fixture
def writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Accepts frames without end, and says the number of each once it is accepted."""
    code = (
        "from pathlib import Path\n"
        "from isthmus.edge.kept import SpoolBounds\n"
        "from isthmus.edge.spool import Spool\n"
        f"spool = Spool(Path({str(folder)!r}), {CODEC!r}, SpoolBounds())\n"
        "for at in range(10 ** 6):\n"
        "    spool.accept(b'k' * 10, {'at': at}, is_key=True, given=0)\n"
        "    print(at, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=tiny_codec.child_environment()
    ) as process:
        yield process
        process.kill()


def test_what_was_accepted_survives_a_kill(folder: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(25)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.readlines()
    spool = opened(folder)
    kept = spool.after(0, 10**6)
    assert len(kept) in {len(said), len(said) + 1}
    assert [each.record["at"] for each in kept] == list(range(len(kept)))
    spool.close()
