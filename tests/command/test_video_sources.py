"""`isthmus edge` on sources that fall silent: real processes, pipes and servers, a bound on every wait, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import tiny_video_codec
from support.tiny_clips import panning, write_video

CODEC = tiny_video_codec.NAME
FRAMES = 6
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from isthmus.command.main import app
app()
"""
# It hears Ctrl-C even where the tests run in the background, which ignores it for its children. The cloud runs in this
# process, so nothing may be done between fork and exec: gRPC's threads would not outlive it.

pytestmark = [pytest.mark.zoo(CODEC), pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command came to."""

    code: int
    lines: list[dict[str, Any]]
    errors: str

    @property
    def answered(self) -> int:
        return sum("class" in line for line in self.lines)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of more frames than are counted on: the last one only shows once another has begun."""
    return write_video(tmp_path_factory.mktemp("clips") / "clip.ts", panning(FRAMES + 2)).read_bytes()


@contextmanager
def edge(zoo: Path, address: str, source: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    words = ["edge", source, "--cloud", address, "--zoo", str(zoo), "--codec", CODEC, "--json", *options]
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def end_of(process: subprocess.Popen[str], *, first: tuple[str, ...] = (), within_s: float = 10) -> Ended:
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [*first, *process.stdout.readlines()]
    process.wait(within_s)
    return Ended(process.returncode, [json.loads(line) for line in lines], process.stderr.read())


def first_lines(process: subprocess.Popen[str], count: int = FRAMES) -> tuple[str, ...]:
    """Of the frames that were answered, as they come."""
    assert process.stdout is not None
    return tuple(process.stdout.readline() for _ in range(count))


@contextmanager
def stalling_server(data: bytes) -> Iterator[str]:
    """Sends a part of a film over HTTP, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            server.settimeout(20)
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + data)
                done.wait()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/clip.ts"
        done.set()
        thread.join()


def test_a_named_pipe_without_a_writer(zoo: Path, address: str, tmp_path: Path) -> None:
    pipe = tmp_path / "clip.ts"
    os.mkfifo(pipe)
    with edge(zoo, address, str(pipe), "--source-wait", "0.5") as process:
        ended = end_of(process)
    assert ended.code == 1
    assert "got nothing for 0.5 seconds; is it still sending?" in ended.lines[0]["message"]


def test_ctrl_c_before_the_first_byte(zoo: Path, address: str, tmp_path: Path) -> None:
    pipe = tmp_path / "clip.ts"
    os.mkfifo(pipe)
    with edge(zoo, address, str(pipe)) as process:
        time.sleep(4)
        asked_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        ended = end_of(process)
        assert time.monotonic() - asked_s < 4
    assert "Traceback" not in ended.errors
    assert ended.answered == 0


@pytest.mark.parametrize("is_named", [True, False])
def test_a_writer_that_stalls(zoo: Path, address: str, tmp_path: Path, clip: bytes, is_named: bool) -> None:
    pipe = tmp_path / "clip.ts"
    os.mkfifo(pipe)
    options = ("--source-wait", "1") if is_named else ("--source-wait", "1", "--video")
    with edge(zoo, address, str(pipe) if is_named else "-", *options) as process:
        assert process.stdin is not None
        descriptor = os.open(pipe, os.O_WRONLY) if is_named else process.stdin.fileno()
        os.write(descriptor, clip)
        ended = end_of(process)
        if is_named:
            os.close(descriptor)
    assert ended.code == 1
    assert ended.answered >= FRAMES
    assert any("got nothing for 1 seconds" in line.get("message", "") for line in ended.lines)
    assert ended.lines[-1]["summary"]["frames"] == ended.answered


@pytest.mark.parametrize("kind", ["pipe", "named pipe", "address"])
def test_one_ctrl_c_ends_it_with_what_was_answered(
    zoo: Path, address: str, tmp_path: Path, clip: bytes, kind: str
) -> None:
    pipe = tmp_path / "clip.ts"
    os.mkfifo(pipe)
    with stalling_server(clip) if kind == "address" else nullcontext("") as url:
        source = {"pipe": "-", "named pipe": str(pipe), "address": url}[kind]
        with edge(zoo, address, source, "--video") as process:
            assert process.stdin is not None
            descriptor = os.open(pipe, os.O_WRONLY) if kind == "named pipe" else process.stdin.fileno()
            if kind != "address":
                os.write(descriptor, clip)
            count = 1 if kind == "address" else FRAMES  # in real time some are dropped
            first = first_lines(process, count)
            asked_s = time.monotonic()
            process.send_signal(signal.SIGINT)
            ended = end_of(process, first=first)
            assert time.monotonic() - asked_s < 4
            if kind == "named pipe":
                os.close(descriptor)
    assert ended.code == 0, ended
    assert "Traceback" not in ended.errors
    assert ended.lines[-1]["summary"]["frames"] == ended.answered >= 1


def test_an_address_that_stalls(zoo: Path, address: str, clip: bytes) -> None:
    with stalling_server(clip) as url, edge(zoo, address, url, "--source-wait", "1", "--video") as process:
        ended = end_of(process)
    assert ended.code == 1
    assert any("got nothing for 1 seconds" in line.get("message", "") for line in ended.lines)
