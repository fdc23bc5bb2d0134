"""How a command ends: one line, the exit code, no traceback but for our own mistakes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from support.ctrl_c import HEARING
from support.paths import ROOT
from typer.testing import CliRunner, Result

from isthmus.command.frame import EXTRAS, command_frame, end, print_error, print_note
from isthmus.common.errors import InputError


def run(fault: BaseException | None = None, *, failed: int = 0, inputs: int | None = None) -> Result:
    """What becomes of a command that ends so."""
    app = typer.Typer()

    @app.command()
    @command_frame
    def toy(number: int = 3) -> None:
        """A toy."""
        print(f"answer {number}")
        if fault is not None:
            raise fault
        print_note("a word to people")
        end(failed, inputs)

    return CliRunner().invoke(app, ["--number", "5"])


def test_a_command_that_did_its_work() -> None:
    result = run()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "answer 5\n", "note: a word to people\n")


@pytest.mark.parametrize(("failed", "inputs", "code"), [(0, 3, 0), (1, 3, 1), (3, 3, 2), (3, None, 1)])
def test_the_exit_code_says_how_many_failed(failed: int, inputs: int | None, code: int) -> None:
    assert run(failed=failed, inputs=inputs).exit_code == code


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (InputError("expected [a] :b:, got c"), "error: expected [a] :b:, got c"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
            "error: this needs the package torch, which is not installed: pip install 'isthmus[train]'",
        ),
        (
            ImportError("libGL.so.1: cannot open", name="cv2"),
            "error: this needs the package cv2, which cannot be loaded (libGL.so.1: cannot open): "
            "pip install 'isthmus[video]'",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "/no/such"),
            "error: /no/such: expected a file or folder, got none there; check the path",
        ),
        (
            IsADirectoryError(21, "Is a directory", b"/tmp"),
            "error: /tmp: expected a file, got a folder; name a file in it",
        ),
        (
            PermissionError(13, "Permission denied", Path("/root/x")),
            "error: /root/x: Permission denied; check the path and who may read or write it",
        ),
        (OSError(28, "No space left on device"), "error: No space left on device; make room, or write elsewhere"),
    ],
)
def test_what_a_person_can_mend_is_one_line(fault: BaseException, line: str) -> None:
    result = run(fault)
    assert (result.exit_code, result.stderr, result.stdout) == (2, line + "\n", "answer 5\n")


@pytest.mark.parametrize("fault", [ValueError("ours"), ModuleNotFoundError("no", name="isthmus.nothing")])
def test_our_own_mistakes_keep_their_traceback(fault: Exception) -> None:
    result = run(fault)
    assert result.exception is fault
    assert result.stderr == ""


@pytest.mark.parametrize(("fault", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(32, "Broken pipe"), 141)])
def test_who_ends_it_from_outside_reads_nothing(fault: BaseException, code: int) -> None:
    result = run(fault)
    assert (result.exit_code, result.stderr) == (code, "")


def test_a_framed_command_inside_another_says_its_error_once() -> None:
    @command_frame
    def inner() -> None:
        raise InputError("within")

    result = CliRunner().invoke(_app(inner), [])
    assert (result.exit_code, result.stderr) == (2, "error: within\n")


def _app(inner: object) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @command_frame
    def outer() -> None:
        assert callable(inner)
        inner()

    return app


def test_a_line_does_not_end_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("one input")
    assert capsys.readouterr().err == "error: one input\n"


def test_every_extra_is_one_of_the_project_and_its_packages_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])
    for package in EXTRAS:
        assert importlib.util.find_spec(package) is not None, package


def isthmus(*words: str) -> subprocess.Popen[str]:
    """A command that hears Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-c", HEARING, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_reader_that_goes_away_is_no_fault() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "isthmus.command", "inspect"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    pipe = tmp_path / "never.isth"
    os.mkfifo(pipe)
    with isthmus("decode", str(pipe)) as process, pipe.open("wb"):  # it opened the file, and waits for the first byte
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, called where an optional package is not installed."""
    code = f"import sys; sys.modules[{package!r}] = None; from isthmus.command.main import app; app({list(words)!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "extra", "words"),
    [
        ("grpc_health", "measure", ("demo",)),
        ("grpc_health", "cloud", ("cloud", "--port", "0")),
        ("av", "video", ("encode", "README.md", "--video", "-o", "never.isth")),
        ("h5py", "hdf5", ("demo", "--data", "SET.h5")),
    ],
)
def test_a_missing_extra_is_one_line(
    package: str, extra: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "SET.h5").write_bytes(b"no set")
    (tmp_path / "README.md").write_bytes(b"no video")
    monkeypatch.chdir(tmp_path)
    done = without(package, *words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[0]
    assert line.startswith("error: ")
    assert package in line.lower()
    assert f"isthmus[{extra}]" in line
    assert "--cloud" not in line


def test_notes_are_folded_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between words, to the width of the terminal; in a pipe they stay one line."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    words = "pc-lite-any-q10 knows these classes alone, " + "bathtub, " * 9
    print_note(words.strip())
    assert capsys.readouterr().err.splitlines() == [f"note: {words.strip()}"]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    print_note(words.strip())
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) < 40
    assert " ".join(lines) == f"note: {words.strip()}"
