"""README and docs, executed: blocks of Python run, commands exist with the options shown, and those on files run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from support import tiny_codec
from support.command_line import command_of, isthmus, parsed
from support.documents import Example, blocks, inline_examples, python_blocks, shell_examples
from support.paths import ROOT
from support.tiny_clips import panning, write_video
from support.tiny_image_codec import photo

from isthmus.data.image.files import write_image

ON_FILES = frozenset({"edge", "encode", "decode", "inspect"})
NOT_HERE = ("camera:", "h264", "tls/ca.pem")
"""A camera, a stream of bytes that only FFmpeg writes: these are parsed alone. TLS: `test_five_commands` runs it."""
ADDRESS = re.compile(r"\b(?:host:port|(?:localhost|127\.0\.0\.1):50051)\b")


def shell(*programs: str) -> list[Example]:
    return [example for example in shell_examples() if example.words[0] in programs]


@pytest.mark.parametrize("example", shell("isthmus"), ids=str)
def test_a_command_shown_exists(example: Example) -> None:
    parsed(example.words)


def test_commands_named_in_the_text_exist() -> None:
    for example in inline_examples():
        command, name, rest = command_of(example.words)
        assert not hasattr(command, "commands") or not rest, f"{example}: {name} has no such command"
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        unknown = [word for word in rest if word.startswith("--") and word.split("=")[0] not in known | {"--help"}]
        assert not unknown, f"{example}: {name} has no {unknown}"


@pytest.mark.parametrize(
    "words", ["isthmus edge a.npy --no-such", "isthmus nothing", "isthmus encode a.jpg --quality x"]
)
def test_what_does_not_exist_is_found_out(words: str) -> None:
    with pytest.raises((AssertionError, typer._click.exceptions.UsageError)):
        parsed(words)


def test_other_programs_shown_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for example in shell("make"):
        assert set(example.words[1:2]) <= targets, example
    for example in shell("python"):
        assert example.words[1] == "-m" or (ROOT / example.words[1]).is_file(), example
    known = {"isthmus", "make", "python", "cat", "ffmpeg"}
    assert {example.words[0] for example in shell_examples()} - known <= {"pip", "ssh", "kill", "curl"}


@pytest.fixture(scope="module")
def shipped() -> Iterator[str]:
    """Of a cloud that serves the codecs that ship."""
    with tiny_codec.live_cloud(ROOT / "models" / "zoo") as live:
        yield live.address


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that examples speak of, in which they run."""
    rng = np.random.default_rng(0)
    for name in ("bed", "chair", "toilet", "cloud"):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(1500, 3)).astype(np.float32) * (1, 2, 3))
    (tmp_path / "holiday").mkdir()
    for number, name in enumerate(("photo.jpg", "holiday/beach.jpg")):
        write_image(photo(64, 96, number), tmp_path / "still.png")
        import PIL.Image

        PIL.Image.open(tmp_path / "still.png").save(tmp_path / name, quality=90)
    (tmp_path / "still.png").unlink()
    for name in ("clip", "bikes"):
        write_video(tmp_path / f"{name}.mp4", panning(4, 96, 144))
    (tmp_path / "frames").mkdir()
    for number, pixels in enumerate(panning(3, 96, 144)):
        PIL.Image.fromarray(pixels).save(tmp_path / "frames" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runnable() -> list[list[Example]]:
    """Of each block of a shell, the commands on files, in their order: later ones take what earlier ones wrote."""
    found: dict[str, list[Example]] = {}
    for example in shell("isthmus"):
        if example.words[1] in ON_FILES and not any(part in word for word in example.words for part in NOT_HERE):
            found.setdefault(block_of(example), []).append(example)
    return list(found.values())


def block_of(example: Example) -> str:
    name, line = example.place.split(":")
    at = max(start for start, _ in blocks(ROOT / name, frozenset({"sh", "bash", "console"})) if start <= int(line))
    return f"{name}:{at}"


@pytest.mark.slow
@pytest.mark.parametrize("examples", runnable(), ids=lambda examples: block_of(examples[0]))
def test_commands_on_files_run(examples: list[Example], files: Path, shipped: str) -> None:
    for example in examples:
        if "video-mine" in " ".join(example.words) or example.source[:1] == ("ffmpeg",):
            continue  # a codec of one's own; a program that is not ours
        stdin = b""
        if example.source[:1] == ("cat",):
            stdin = (files / example.source[1]).read_bytes()
        words = list(example.words[1:])
        if words[0] == "edge":
            words += ["--cloud", shipped]
        result = isthmus(*words, stdin=stdin)
        assert result.exit_code == 0, f"{example}\n{result.output}"
        for option in ("-o", "--save", "--picture"):
            if option in words:
                assert (files / words[words.index(option) + 1]).exists(), example


@pytest.mark.parametrize("source", [pytest.param(text, id=place) for place, text in python_blocks()])
def test_python_runs(source: str, files: Path, shipped: str) -> None:
    assert files.is_dir()
    exec(compile(ADDRESS.sub(shipped, source), "example", "exec"), {"__name__": "__main__"})
