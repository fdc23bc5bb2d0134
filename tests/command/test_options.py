"""Options dataclasses on a command line: what is offered, what is taken, what is refused, and how it reads."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
import typer
from support import tiny_codec
from typer.testing import CliRunner, Result

from isthmus.command.frame import command_frame
from isthmus.command.main import Commands, app
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import SIGNAL_KINDS
from isthmus.common.image.side import Adaptation
from isthmus.common.options import option, rules_of
from isthmus.edge.image.options import ADAPTATIONS, ImageOptions
from isthmus.edge.pointcloud.options import PointCloudOptions
from isthmus.edge.video.options import MODES, StillOptions, VideoOptions
from isthmus.edge.video.policy import MODES as POLICY_MODES
from isthmus.edge.video.policy import STEPPED_POLICY, VideoPolicy


@dataclass(frozen=True, slots=True)
class Shared:
    """A toy."""

    panel: ClassVar[str] = "Shared"
    folders: tuple[Path, ...] = option((), "Folders.", automatic="none")
    share: float = option(0.5, "A share.", least=0, most=1)
    word: str = option("", "A word.", choices=("this", "that", "other"), flags=("--word", "-w"))
    log: bool = option(True, "Whether to log.")
    top_k: int = option(1, "Labels.", least=1)


@dataclass(frozen=True, slots=True)
class Waves:
    """A toy signal's."""

    panel: ClassVar[str] = "Waves"
    rate: int = option(0, "Samples a second.", automatic="the file's")
    top_k: int = option(1, "Labels.", least=1)


@dataclass(frozen=True, slots=True)
class Maps:
    """Another's."""

    panel: ClassVar[str] = "Maps"
    tiles: bool = option(False, "Cut into tiles.")


def toy(*words: str) -> tuple[Result, list[object]]:
    """A toy command, called so; what it was given."""
    taken: list[object] = []
    commands = Commands()

    @commands.command()
    @command_frame
    @with_options(Shared, Waves, Maps)
    def call(name: Annotated[str, typer.Argument(metavar="NAME")], *, given: Given) -> None:
        """A toy."""
        taken.append((name, given.of(Shared), given.only(Waves, (Waves, Maps), "wave-q1")))

    @commands.command()
    def other() -> None:
        """Another, so that the first one is named."""

    return CliRunner().invoke(commands, ["call", *words]), taken


def test_what_was_given_and_the_defaults_of_the_rest() -> None:
    assert toy("n")[1] == [("n", Shared(), Waves())]
    words = ("n", "--folders", "a", "--folders", "b", "--share", "1", "-w", "that", "--no-log", "--rate", "8")
    expected = Shared((Path("a"), Path("b")), 1.0, "that", log=False)
    assert toy(*words)[1] == [("n", expected, Waves(8))]
    assert toy("n", "--top-k", "3")[1] == [("n", Shared(top_k=3), Waves(top_k=3))]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--share", "1.5"), "error: --share: expected 0 to 1, got 1.5"),
        (("--top-k", "0"), "error: --top-k: expected 1 or more, got 0"),
        (("--word", "none"), "error: --word: expected one of this, that, other, got 'none'"),
        (("--tiles",), "error: expected no --tiles: that is about maps, and codec wave-q1 is of waves"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], says: str) -> None:
    result, taken = toy("n", *words)
    assert (result.exit_code, result.stderr.strip(), taken) == (2, says, [])


def test_help_of_options() -> None:
    text = CliRunner().invoke(app, ["edge", "--help"], env={"COLUMNS": "80"}).stdout
    assert text == CliRunner().invoke(app, ["edge", "-h"], env={"COLUMNS": "80"}).stdout
    for heading in ("Codec:", "The cloud:", "Point clouds:", "Images:", "Videos:", "Output:"):
        assert f"\n{heading}\n" in text
    assert "[default: the codec's own number]" in " ".join(text.split())
    assert "[default: 0]" not in text
    toy_text = " ".join(toy("--help")[0].stdout.split())
    assert "Usage: root call [OPTIONS] NAME" in toy_text
    assert "Shared and waves: --top-k N Labels. [default: 1]" in toy_text
    assert "--share X A share. [default: 0.5]" in toy_text
    assert "--log / --no-log Whether to log. [default: on]" in toy_text


def every_command(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found += every_command(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]
    return found


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_no_name_of_an_option_is_cut(columns: int) -> None:
    group = typer.main.get_command(app)
    for path in every_command(group):
        text = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": str(columns)}).stdout
        command: object = group
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        for parameter in command.params:  # type: ignore[attr-defined]
            for flag in (*parameter.opts, *parameter.secondary_opts) if parameter.param_type_name == "option" else ():
                assert re.search(rf"^  .*{flag}\b", text, re.MULTILINE), (path, flag)
        assert "…" not in text
        wide = [line for line in text.splitlines() if len(line) > columns]
        assert all(len(line.split()) == 1 for line in wide), path  # a default that is one long word


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert re.fullmatch(r"isthmus \d+\.\d+\.\d+, bitstream version 1\n", result.stdout)


def test_options_agree_with_what_they_set() -> None:
    assert tuple(Adaptation) == ADAPTATIONS
    assert MODES == POLICY_MODES
    options, policy = VideoOptions(), VideoPolicy()
    assert (options.mode, options.vectors) == (policy.mode, policy.uses_vectors)
    told = rules_of(VideoOptions)["key_interval"].automatic
    assert (
        told
        == f"the codec's own: {STEPPED_POLICY.key_interval} where frames choose their step, else {policy.key_interval}"
    )


def test_every_field_is_an_option_and_flags_have_one_meaning() -> None:
    seen: dict[str, str] = {}
    for kind in SIGNAL_KINDS:
        assert set(rules_of(kind)) == {f.name for f in fields(kind)}
        for name, rule in rules_of(kind).items():
            for flag in rule.flags or ("--" + name.replace("_", "-"),):
                assert seen.setdefault(flag, name) == name
    assert {PointCloudOptions, ImageOptions, VideoOptions, StillOptions} == set(SIGNAL_KINDS)


def test_help_waits_for_nothing_heavy() -> None:
    """What all commands import before they know what they will do."""
    heavy = ("numpy", "onnxruntime", "grpc", "google.protobuf", "PIL", "torch", "cv2", "onnx")
    program = f"import sys, isthmus.command.main; print([name for name in {heavy!r} if name in sys.modules])"
    environment = tiny_codec.child_environment()
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    assert found.stdout == "[]\n"
