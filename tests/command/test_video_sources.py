"""`isthmus edge` on sources that fall silent: real processes, pipes and servers, a bound on every wait, and Ctrl-C."""

from __future__ import annotations

import errno
import json
import os
import select
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
from support.command_line import isthmus
from support.ctrl_c import HEARING
from support.false_cloud import false_cloud
from support.rtsp_camera import free_port, rtsp_camera
from support.tiny_clips import panning, write_video

from isthmus.common.video.signal import VIDEO

CODEC = tiny_video_codec.NAME
FRAMES = 6
SILENCE_S = 30
"""For how long a source may be silent where nobody says: who takes as long did not hear, however busy the machine."""

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
        [sys.executable, "-c", HEARING, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def end_of(process: subprocess.Popen[str], *, first: tuple[str, ...] = (), within_s: float = 60) -> Ended:
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [*first, *process.stdout.readlines()]
    process.wait(within_s)
    return Ended(process.returncode, [json.loads(line) for line in lines], process.stderr.read())


def first_lines(process: subprocess.Popen[str], count: int = FRAMES) -> tuple[str, ...]:
    """Of the frames that were answered, as they come."""
    assert process.stdout is not None
    return tuple(process.stdout.readline() for _ in range(count))


def writer_of(pipe: Path, process: subprocess.Popen[str]) -> int:
    """A descriptor to write to a named pipe, once the edge has opened it."""
    while process.poll() is None:
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads it yet
                raise
            time.sleep(0.02)
        else:
            os.set_blocking(descriptor, True)
            return descriptor
    raise AssertionError(end_of(process))


@contextmanager
def stalling_server(data: bytes) -> Iterator[str]:
    """Sends a part of a film over HTTP, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            server.settimeout(60)
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
        descriptor = writer_of(pipe, process)
        asked_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        ended = end_of(process)
        assert time.monotonic() - asked_s < SILENCE_S
        os.close(descriptor)
    assert "Traceback" not in ended.errors
    assert ended.code == 0
    assert ended.answered == 0


@pytest.mark.parametrize("is_named", [True, False])
def test_a_writer_that_stalls(zoo: Path, address: str, tmp_path: Path, clip: bytes, is_named: bool) -> None:
    pipe = tmp_path / "clip.ts"
    os.mkfifo(pipe)
    options = ("--source-wait", "1") if is_named else ("--source-wait", "1", "--video")
    with edge(zoo, address, str(pipe) if is_named else "-", *options) as process:
        assert process.stdin is not None
        descriptor = writer_of(pipe, process) if is_named else process.stdin.fileno()
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
            descriptor = writer_of(pipe, process) if kind == "named pipe" else process.stdin.fileno()
            if kind != "address":
                os.write(descriptor, clip)
            count = 1 if kind == "address" else FRAMES  # in real time some are dropped
            first = first_lines(process, count)
            asked_s = time.monotonic()
            process.send_signal(signal.SIGINT)
            ended = end_of(process, first=first)
            assert time.monotonic() - asked_s < SILENCE_S
            if kind == "named pipe":
                os.close(descriptor)
    assert ended.code == 0, ended
    assert "Traceback" not in ended.errors
    assert ended.lines[-1]["summary"]["frames"] == ended.answered >= 1


def test_a_second_ctrl_c_ends_it_at_once(zoo: Path, tmp_path: Path, clip: bytes) -> None:
    """A cloud that answers nothing is waited for after the first, and not after the second."""
    pipe = tmp_path / "clip.ts"
    os.mkfifo(pipe)
    has_frames = threading.Event()

    def silent(requests: Iterator[bytes]) -> Iterator[bytes]:
        for _ in requests:
            has_frames.set()
        yield from ()

    with (
        false_cloud(silent, VIDEO.allowance.limits) as address,
        edge(zoo, address, str(pipe), "--timeout-s", "600") as process,
    ):
        descriptor = writer_of(pipe, process)
        os.write(descriptor, clip)
        assert has_frames.wait(60)
        process.send_signal(signal.SIGINT)
        left = select.poll()
        left.register(descriptor, 0)
        assert left.poll(60_000)[0][1] & select.POLLERR  # the edge has let go of the pipe
        assert process.poll() is None
        asked_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        ended = end_of(process)
        assert time.monotonic() - asked_s < SILENCE_S
        os.close(descriptor)
    assert ended.code == 130, ended
    assert ended.lines[-1]["summary"]["lost"] == len(ended.lines) - 1 > 0
    assert "Traceback" not in ended.errors


def test_a_camera_that_is_opened_again(zoo: Path, address: str, tmp_path: Path) -> None:
    """Each time with a key frame, told, and counted; what is dropped to keep pace changes nothing of that."""
    write_video(tmp_path / "clip.mp4", panning(FRAMES))
    port = free_port()
    url = f"rtsp://127.0.0.1:{port}/clip.mp4"
    count = 2 * FRAMES + 1
    with rtsp_camera(tmp_path, port):
        options = ("--reconnect", "9", "--limit", count, "--key-interval", "255")
        result = isthmus("edge", url, "--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json", *options)
    *lines, last = (json.loads(line) for line in result.stdout.splitlines())
    assert [line["frame"] for line in lines] == list(range(count))
    for start in (0, FRAMES, 2 * FRAMES):
        sent = [line["type"] for line in lines[start : start + FRAMES] if line["type"] != "dropped"]
        assert sent[:1] in ([], ["key"])
    assert last["summary"]["source_reconnects"] == 2
    assert result.stderr.count(f"note: {url}: opened again: expected a source that goes on, it ended\n") == 2


def test_an_address_that_stalls(zoo: Path, address: str, clip: bytes) -> None:
    with stalling_server(clip) as url, edge(zoo, address, url, "--source-wait", "1", "--video") as process:
        ended = end_of(process)
    assert ended.code == 1
    assert any("got nothing for 1 seconds" in line.get("message", "") for line in ended.lines)
