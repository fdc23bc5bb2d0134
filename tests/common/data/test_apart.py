"""isthmus.data.apart"""

from __future__ import annotations

import re
import subprocess
import time
from typing import Any

import pytest
from support import ends

from isthmus.common.errors import InputError
from isthmus.data.apart import MAX_MEMORY_BYTES, Apart, run_apart


def test_what_comes_back_is_what_the_function_answers() -> None:
    data = bytes(range(256)) * 1000
    assert run_apart(ends.echo, data, "bytes", "a", "b") == data + b"ab"
    assert run_apart(ends.echo, b"", "bytes") == b""


def test_its_memory_is_bounded_and_it_leaves_no_core() -> None:
    said = run_apart(ends.bounds, b"", "bytes")
    assert said == repr([(MAX_MEMORY_BYTES, MAX_MEMORY_BYTES), (0, 0)]).encode()


@pytest.mark.parametrize(
    ("function", "refusal"),
    [
        (ends.refuse, "expected something else"),
        (
            ends.abort,
            "expected whole XYZ, got bytes that its reader ended on (SIGABRT): they are damaged, or want more",
        ),
        (ends.stumble, "its reader ended on (exit code 1)"),
        (ends.fill, "or want more than 2048 MiB"),
    ],
)
def test_what_ends_otherwise_is_refused(function: Any, refusal: str) -> None:
    with pytest.raises(InputError, match=re.escape(refusal)):
        run_apart(function, b"data", "XYZ")


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def watched(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr("isthmus.data.apart.subprocess.Popen", watched)
    began = time.monotonic()
    with pytest.raises(InputError, match="expected XYZ that is read in 1 s, got more"):
        run_apart(ends.linger, b"", "XYZ", max_seconds=1)
    assert time.monotonic() - began < 30
    assert [process.poll() for process in started] == [-9]


def test_data_that_the_function_does_not_wait_for() -> None:
    """More than a pipe holds, and a process that is gone before it is read."""
    with pytest.raises(InputError, match="its reader ended on"):
        run_apart(ends.abort, bytes(1 << 20), "XYZ", max_memory_bytes=1 << 20)


def test_one_process_answers_many_times() -> None:
    with Apart(ends.number, "bytes") as apart:
        first = apart(b"")
        assert {apart(b"x" * k) for k in (0, 1, 1 << 20)} == {first}
        with pytest.raises(InputError, match="expected something else"):
            run_apart(ends.refuse, b"", "bytes")
    assert apart(b"") != first  # after its end it is begun anew
    apart.close()
    apart.close()


def test_one_that_ends_is_followed_by_another() -> None:
    """Only what it ended on is refused; a refusal in words ends none."""
    with Apart(ends.told, "XYZ", max_seconds=20) as apart:
        first = apart(b"number")
        with pytest.raises(InputError, match="expected something else"):
            apart(b"refuse")
        assert apart(b"number") == first
        for _ in range(2):
            with pytest.raises(
                InputError, match=re.escape("expected whole XYZ, got bytes that its reader ended on (SIG")
            ):
                apart(b"abort")
        assert apart(b"number") not in (first, b"")


def test_an_interruption_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> bytes:
        raise KeyboardInterrupt

    with Apart(ends.number, "bytes") as apart:
        process = apart._started()
        apart._process = process
        monkeypatch.setattr("isthmus.data.apart._exchanged", interrupted)
        with pytest.raises(KeyboardInterrupt):
            apart(b"")
    assert process.poll() == -9
