"""Whatever standard output is connected to, a command ends as it should and says what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.command.streams import HANDLER, prepare_streams
from isthmus.split.options import PlanOptions
from isthmus.split.plan import Plan
from isthmus.split.plan_table import plan_table
from isthmus.split.ways import Way


def spoken(code: str, encoding: str) -> str:
    """What a program prints on a terminal of an encoding, after `prepare_streams`."""
    done = subprocess.run(
        [sys.executable, "-c", f"from isthmus.command.streams import prepare_streams\nprepare_streams()\n{code}"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=True,
    )
    return done.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("ascii", "fire5 ◄ best", "fire5 < best"),
        ("cp1252", "fire5 ◄ best", "fire5 < best"),
        ("cp1252", "Möbel – 5 × 3", "Möbel – 5 × 3"),
        ("ascii", "Möbel – 5 × 3", "M\\u00f6bel - 5 x 3"),
        ("cp1252", "椅子.npy", "\\u6905\\u5b50.npy"),
        ("utf-8", "椅子 ◄", "椅子 ◄"),
    ],
)
def test_characters_that_an_encoding_lacks(encoding: str, text: str, expected: str) -> None:
    assert spoken(f"print({text!r})", encoding).strip() == expected


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_json_stays_json_and_says_the_same(encoding: str) -> None:
    fields = {"file": "椅子 é 🪑.npy", "class": "chaise"}
    line = spoken(f"import json; print(json.dumps({fields!r}, ensure_ascii=False))", encoding)
    assert json.loads(line) == fields


@pytest.mark.parametrize(
    ("shell", "code", "says"),
    [
        ("{isthmus} inspect > /dev/full", 2, "error: No space left on device; make room, or write elsewhere\n"),
        ("{isthmus} --version > /dev/full", 2, "error: No space left on device; make room, or write elsewhere\n"),
        ("{isthmus} inspect >&-", 0, ""),
        ("{isthmus} inspect | head -c 20 > /dev/null; exit ${{PIPESTATUS[0]}}", None, ""),
    ],
)
def test_streams_that_take_nothing(shell: str, code: int | None, says: str | None) -> None:
    """A full disc, a closed output, a reader that goes away: one line at most, never a traceback."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    isthmus = f"{sys.executable} -m isthmus.command"
    done = subprocess.run(["bash", "-c", shell.format(isthmus=isthmus)], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    if code is not None:
        assert done.returncode == code
    if says is not None:
        assert done.stderr == says


def test_streams_under_a_test_are_left_working(capsys: pytest.CaptureFixture[str]) -> None:
    prepare_streams()
    print("still here ◄")
    assert capsys.readouterr().out == "still here ◄\n"
    assert HANDLER


def test_a_plan_on_a_narrow_screen_keeps_what_matters() -> None:
    from rich.console import Console

    others = (Way("cloud only (JPEG)", 1.5, 1000.0, 0.5), Way("edge only", 2.5, 0, 0))
    plan = Plan("net", "made", "classify", 64, 96, 2, 2, PlanOptions(), 0.1, (), (), (), others, 2.5, 1_000_000)
    for width, kept, gone in (
        (50, ("kbit at 0.1", "KL", "ms"), ("cloud MMAC", "stride")),
        (200, ("cloud ms",), ()),
    ):
        console = Console(width=width, force_terminal=False)
        with console.capture() as capture:
            console.print(plan_table(plan, width))
        text = capture.get()
        assert max(map(len, text.splitlines())) <= width
        assert all(word in text for word in ("cut at", "cloud only (JPEG)", "edge only", *kept))
        assert not any(word in text for word in gone)
