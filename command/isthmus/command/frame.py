"""The frame of every command: how it ends, with which exit code, and what a person then reads.

    @command_frame
    def measure_things(...) -> None:
        '''Help text.'''
        run = measure(...)          # raises IsthmusError: one `error: ...` line on stderr, exit code 2
        for note in run.notes:
            print_note(note)        # stderr, so that a pipe gets the answer alone
        table_console().print(...)  # stdout; tables are not cut to 80 columns in a pipe
        end(failed_count, input_count)  # exit code 1 where some failed, 2 where all did

`typer` sees the command's own parameters through the frame. A command inside a framed command (called as a function)
may be framed too: the inner one says the error, the outer one keeps its exit code.

| exit code | meaning |
|---|---|
| 0 | all was done |
| 1 | some inputs failed, or a check found what it looks for; the rest was done |
| 2 | the command could not do its work at all: wrong options or paths, a package that is missing, no cloud |
| 130 | Ctrl-C |
| 141 | whoever read the output went away, as `head` does |

What ends in one line: every `IsthmusError`, an optional package that is missing (`EXTRAS`), a path that is missing
or wrong (`OSError`). Anything else is a mistake of ours and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn, ParamSpec

import typer

from isthmus.common.errors import IsthmusError, MissingDependencyError
from isthmus.common.shown import shown

if TYPE_CHECKING:
    from rich.console import Console

Parameters = ParamSpec("Parameters")

# Some inputs failed, or a check found what it looks for; the rest was done.
EXIT_SOME_FAILED = 1
# The command could not do its work at all.
EXIT_FAILED = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

# Width of tables in a file or a pipe, where no screen sets a bound: no name is cut there.
PIPED_WIDTH = 10_000

# Optional packages, by the name they are imported by, and the extra of pyproject.toml that brings each.
EXTRAS = {
    "torch": "train",
    "onnx": "measure",
    "matplotlib": "measure",
    "scipy": "measure",
    "plotly": "measure",
    "DracoPy": "measure",
    "skimage": "measure",
    "av": "video",
    "cv2": "video",
    "h5py": "hdf5",
    "lz4": "bags",
    "zstandard": "bags",
    "grpc_health": "cloud",
    "grpc_reflection": "cloud",
}


def command_frame(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """The command, with the one way to end: see the module's head."""

    @functools.wraps(command)
    def framed(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except IsthmusError as error:
            fail(str(error))
        except ImportError as error:
            if (message := missing_extra(error)) is None:
                raise
            fail(message)
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(EXIT_PIPE_CLOSED) from None
        except OSError as error:
            _flush_or_drop()
            fail(path_fault(error))
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None

    return framed


def fail(message: str) -> NoReturn:
    """Say why the command could not do its work at all, and end it."""
    print_error(message)
    raise typer.Exit(EXIT_FAILED) from None


def end(failed_count: int, input_count: int | None = None) -> None:
    """End with the exit code for so many inputs that failed, of so many; with none it returns, and the code is 0."""
    if failed_count:
        raise typer.Exit(EXIT_FAILED if failed_count == input_count else EXIT_SOME_FAILED)


def print_error(message: object) -> None:
    """One line on standard error, `error: ...`. It does not end the command."""
    _say("error:", "31", shown(message))


def print_note(message: object) -> None:
    """On standard error, what a person may want to know and a program that reads the answer does not.

    One line, folded between words where it is watched on a terminal.
    """
    text = shown(message)
    if is_watched():
        width = shutil.get_terminal_size().columns - 1
        text = textwrap.fill("note: " + text, width, break_long_words=False, break_on_hyphens=False)[len("note: ") :]
    _say("note:", "33", text)


def is_watched() -> bool:
    """Whether a person reads standard error: notes that only tell what a person may not know wait for one."""
    return sys.stderr.isatty()


def require_packages(what: str, extra: str, packages: Iterable[str]) -> None:
    """MissingDependencyError, with the extra that brings them, where packages that something needs are missing."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(
            f"{what} needs {', '.join(missing)}, got no such package: pip install 'isthmus[{extra}]'"
        )


def table_console() -> Console:
    """A rich console on standard output, wide enough for our tables where that is no terminal."""
    from rich.console import Console  # rich takes 60 ms: commands without tables do without it

    class TableConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the command itself, with 1

    console = TableConsole()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def missing_extra(error: ImportError) -> str | None:
    """What to do about an optional package that cannot be imported; None if the package is none of `EXTRAS`."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    what = "which is not installed" if isinstance(error, ModuleNotFoundError) else f"which cannot be loaded ({error})"
    return f"this needs the package {package}, {what}: pip install 'isthmus[{EXTRAS[package]}]'"


def path_fault(error: OSError) -> str:
    """The fault of a file or folder in one line: where, what the system says, what to do."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"{reason}; make room, or write elsewhere" if error.errno == errno.ENOSPC else reason
    advice = "check the path and who may read or write it"
    if isinstance(error, FileNotFoundError):
        reason, advice = "expected a file or folder, got none there", "check the path"
    elif isinstance(error, IsADirectoryError):
        reason, advice = "expected a file, got a folder", "name a file in it"
    elif isinstance(error, NotADirectoryError):
        reason, advice = "expected a folder, got a file", "check the path"
    return f"{os.fsdecode(error.filename)}: {reason}; {advice}"


def _say(word: str, colour: str, message: object) -> None:
    if is_watched() and "NO_COLOR" not in os.environ:
        word = f"\x1b[{colour}m{word}\x1b[0m"
    print(word, message, file=sys.stderr)


def end_output(error: OSError) -> NoReturn:
    """End where standard output takes no more, and say so unless nobody reads it."""
    _drop_output()
    if isinstance(error, BrokenPipeError):
        raise SystemExit(EXIT_PIPE_CLOSED) from None
    print_error(path_fault(error))
    raise SystemExit(EXIT_FAILED) from None


def _flush_or_drop() -> None:
    """What is printed so far, if it can be written: where it cannot, it must not fail again as Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _drop_output() -> None:
    """Nobody reads standard output any more: what is still buffered must not raise again as Python ends."""
    with contextlib.suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
