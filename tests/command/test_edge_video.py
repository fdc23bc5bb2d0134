"""`isthmus edge` on videos: what people and programs get, pace, and what becomes of frames when a stream fails."""

from __future__ import annotations

import inspect
import io
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console
from support import tiny_video_codec
from support.command_line import isthmus
from support.ctrl_c import CtrlC
from support.tiny_clips import UInt8, damage, panning, write_video
from support.tiny_zoo import open_video_coder
from typer.testing import Result

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import (
    CloudUnreachableError,
    DeadlineError,
    InputError,
    IsthmusError,
    LimitExceededError,
    OverloadedError,
)
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.protocol import HeldStream, Label, NamedStream, StreamOpened, Timing
from isthmus.common.signals import Image
from isthmus.common.tasks import MOTION_COMPENSATED_INFERENCE, Labels
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.image.files import write_image
from isthmus.data.video.files import open_video
from isthmus.data.video.source import SourceFrame
from isthmus.edge import delivery as deliveries
from isthmus.edge import report as reports
from isthmus.edge import sender as senders
from isthmus.edge.call import InferenceStream
from isthmus.edge.client import CloudClient
from isthmus.edge.report import LiveReport, Row, Summary
from isthmus.edge.result import FrameResult
from isthmus.edge.signal_choice import choose_codec
from isthmus.edge.terms import RECONNECT_TRIES
from isthmus.edge.video import flow as video_flow
from isthmus.edge.video import job as video_job
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.flow import VideoFlow
from isthmus.edge.video.job import columns
from isthmus.edge.video.options import VideoOptions
from isthmus.edge.video.policy import VideoPolicy
from isthmus.edge.video.summary import VideoCounts

EDGE = tuple(
    inspect.getfile(module)
    for module in (senders, deliveries, video_job, video_flow, sys.modules[InferenceStream.__module__])
)
PATIENT = VideoPolicy(key_interval=64)
"""The default, but that key frames come of themselves only late."""
CODEC = tiny_video_codec.NAME


pytestmark = pytest.mark.zoo(CODEC, "image-test-q4", "tiny-q1")


def lines_of(result: Result) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The frames' lines, and the summary."""
    *lines, last = (json.loads(line) for line in result.stdout.splitlines())
    return lines, last["summary"]


def answers(codec: Path, path: Path) -> list[str]:
    """The class of each frame, computed here."""
    decoder = VideoDecoder(open_video_coder(codec))
    encoder = VideoEncoder(codec, PATIENT)
    weights = tiny_video_codec._constants()["weights"]
    found = []
    with open_video(path) as video:
        for frame in video:
            y_hat = decoder.decode(encoder.encode(frame).packet.to_bytes()).state.y_hat
            pooled = np.concatenate([y_hat.mean((1, 2)), (y_hat * y_hat).mean((1, 2))])
            found.append(tiny_video_codec.CLASS_NAMES[int((pooled @ weights).argmax())])
    return found


# --- through a live cloud


def test_a_clip_for_programs(zoo: Path, address: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", panning(20))
    result = isthmus(
        "edge", path, "--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json", "--top", "2", "--key-interval", "64"
    )
    assert result.exit_code == 0, result.stderr
    lines, summary = lines_of(result)
    assert [line["frame"] for line in lines] == list(range(20))
    assert [line["class"] for line in lines] == answers(zoo / CODEC, path)
    assert lines[0]["type"] == "key"
    assert lines[0]["cause"] == "forced" or lines[0]["cause"] == "first"
    assert {line["type"] for line in lines[1:]} <= {"motion", "residual"}
    for line in lines:
        assert line["file"] == str(path)
        assert len(line["labels"]) == 2
        assert line["labels"][0]["class"] == line["class"]
        assert line["packet_bits"] > line["motion_bits"] + line["residual_bits"] - 1
        assert line["network_runs"] or line["type"] == "motion"
        assert line["encode_ms"] > 0
        assert line["time_s"] == pytest.approx(line["frame"] / 25, abs=1e-3)
    assert summary["frames"] == 20
    assert summary["keys"] + summary["motions"] + summary["residuals"] == 20
    assert summary["bits"] == sum(line["packet_bits"] for line in lines)
    assert summary["saved_percent"] == pytest.approx(
        100 * (1 - summary["bits"] / (20 * lines[0]["packet_bits"])), abs=0.01
    )
    assert summary["dropped"] == summary["lost"] == summary["refused"] == 0


def test_a_clip_for_people(zoo: Path, address: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", panning(6), codec="mpeg4")
    result = isthmus("edge", path, "--cloud", address, "--zoo", zoo, "--codec", CODEC)
    assert result.exit_code == 0, result.stderr
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == [
        "frame",
        "time",
        "s",
        "type",
        "bytes",
        "class",
        "probability",
        "encode",
        "ms",
        "total",
        "ms",
    ]
    assert [row.split()[0] for row in rows[:6]] == list("012345")
    assert rows[0].split()[2] == "key"
    assert rows[1].split()[4] in tiny_video_codec.CLASS_NAMES
    assert rows[6].startswith("6 frames in ")
    assert "bits a frame" in rows[7]


def test_modes_and_limits(zoo: Path, address: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", panning(20))
    options = ("edge", path, "--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json")
    lines, summary = lines_of(isthmus(*options, "--mode", "intra", "--limit", "7"))
    assert [line["type"] for line in lines] == ["key"] * 7
    assert summary["saved_percent"] == pytest.approx(0, abs=1e-6)
    lines, _ = lines_of(isthmus(*options, "--mode", "motion", "--key-interval", "5", "--fps", "10"))
    assert [line["type"] for line in lines] == ["key", *["motion"] * 4] * 4
    assert lines[-1]["time_s"] == 1.9
    lines, _ = lines_of(isthmus(*options, "--mode", "motion", "--vectors"))
    assert [line["type"] for line in lines].count("key") < 5


def test_frames_in_a_folder_and_a_pipe(zoo: Path, address: str, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, pixels in enumerate(panning(5)):
        write_image(Image(pixels), folder / f"{index}.png")
    options = ("--cloud", address, "--zoo", zoo, "--json", "--codec", CODEC)
    lines, _ = lines_of(isthmus("edge", folder, *options, "--video"))
    assert [line["type"] == "key" for line in lines] == [True, *[False] * 4]
    data = write_video(tmp_path / "clip.y4m", panning(5), codec="rawvideo").read_bytes()
    piped, _ = lines_of(isthmus("edge", "-", *options, stdin=data))
    assert [line["frame"] for line in piped] == list(range(5))
    assert {line["file"] for line in piped} == {"standard input"}
    raw = write_video(tmp_path / "clip.264", panning(5)).read_bytes()
    piped, _ = lines_of(isthmus("edge", "-", *options, "--format", "h264", stdin=raw))
    assert len(piped) == 5


def test_clips_that_cannot_be_read(zoo: Path, address: str, tmp_path: Path) -> None:
    """The rest goes on, each clip with a key frame of its own."""
    good = write_video(tmp_path / "good.mp4", panning(4))
    damage(write_video(tmp_path / "bad.mp4", panning(20)))
    options = ("--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json")
    result = isthmus("edge", tmp_path / "none.mp4", tmp_path / "bad.mp4", good, *options)
    assert result.exit_code == 1
    lines, summary = lines_of(result)
    assert lines[0]["error"] == "InputError"
    (broken,) = [n for n, line in enumerate(lines[1:], 1) if "error" in line]
    assert "bad.mp4" in lines[broken]["message"]
    assert broken > 4
    assert [line["frame"] for line in lines[broken + 1 :]] == list(range(4))
    assert lines[broken + 1]["type"] == "key"
    assert summary["frames"] == len(lines) - 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--codec", CODEC, "--quality", "2"), "codecs of their own, --codec NAME-q1 for example"),
        (("--codec", CODEC, "--up", "y"), "expected no --up: that is about point clouds"),
        (("--codec", "image-test-q4", "--realtime"), "expected no --realtime: that is about videos"),
        (("--codec", "tiny-q1", "--mode", "intra", "--fps", "2"), "expected no --mode, --fps: that is about videos"),
        (("--codec", CODEC, "--mode", "best"), "mode: expected one of auto, intra, motion, got 'best'"),
        (("--codec", CODEC, "--cloud", "127.0.0.1:1"), "start one with: isthmus cloud"),
    ],
)
def test_what_cannot_be_done_at_all(
    zoo: Path, address: str, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    path = write_video(tmp_path / "clip.mp4", panning(2))
    more = () if "--cloud" in arguments else ("--cloud", address)
    result = isthmus("edge", path, "--zoo", zoo, *more, *arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
    if "--cloud" in arguments:  # the stream opens with the first frame: by then there is a table
        assert result.stdout.splitlines()[1].startswith("0 frames")
    else:
        assert result.stdout == ""


def test_which_signal(zoo: Path, tmp_path: Path) -> None:
    def chosen(*inputs: str, codec: str = "", video: bool = False) -> tuple[type, str]:
        choice = choose_codec(inputs, codec, zoo, signal="video" if video else "")
        return choice.signal.kind, choice.codec

    assert chosen("a.mp4", "b.264") == (VideoManifest, "vision-lite0-b5")
    assert chosen("camera:0")[0] is VideoManifest
    assert chosen("-", codec=CODEC) == (VideoManifest, CODEC)
    assert chosen(str(tmp_path), video=True)[0] is VideoManifest
    assert chosen("a.png")[0] is ImageManifest
    assert chosen("a.npy")[0] is PointCloudManifest
    with pytest.raises(InputError, match=r"the video a\.mp4 and the image b\.png"):
        chosen("a.mp4", "b.png")


def test_to_a_file_and_back(zoo: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", panning(6))
    file = tmp_path / "clip.isth"
    result = isthmus("encode", path, "-o", file, "--zoo", zoo, "--codec", CODEC)
    assert result.exit_code == 0, result.stderr
    assert [("key frame" in line) for line in result.stdout.splitlines()] == [True, *[False] * 5]
    result = isthmus("decode", file, "--zoo", zoo)
    assert [json.loads(line)["class"] for line in result.stdout.splitlines()] == answers(zoo / CODEC, path)
    result = isthmus("encode", path, "-o", tmp_path / "folder", "--zoo", zoo, "--codec", CODEC)
    assert result.exit_code == 2
    assert "the frames of a video belong together" in result.stderr
    result = isthmus("encode", tmp_path / "none.mp4", "-o", file, "--zoo", zoo, "--codec", CODEC)
    assert "none.mp4: expected a file" in result.stderr
    assert result.exit_code == 2


# --- through a cloud that fails on purpose


@dataclass
class FakeCloud:
    """A `CloudClient` with a cloud behind it that answers, forgets and breaks as it is told.

    Attributes:
        codec: folder of the codec.
        delay: polls (`take_ready`) until a packet is answered.
        forgets_at: packets, counted from 0, before which the references are lost.
        breaks_at: packets that end the stream instead of being taken.
        refuses_open: how many openings fail.
        keeps: whether results that were not taken when the stream ended are lost.
    """

    codec: Path
    delay: int = 0
    forgets_at: tuple[int, ...] = ()
    breaks_at: tuple[int, ...] = ()
    too_large_at: tuple[int, ...] = ()
    refuses_open: int = 0
    keeps: bool = False
    error: IsthmusError = field(default_factory=lambda: CloudUnreachableError("gone"))
    taken_count: int = 0
    opened: int = 0
    states: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._coder = open_video_coder(self.codec)
        self._decoder = VideoDecoder(self._coder)
        self._results: deque[tuple[int, FrameResult]] = deque()
        self._is_broken = self._has_begun = False
        self._polls = self._index = 0
        self.named = NamedStream(bytes(16), 1, 1)

    def open(self, named: NamedStream, sent_before: Sequence[int] = ()) -> StreamOpened:
        """Begin anew: nothing is held."""
        del sent_before
        if self._has_begun and self.refuses_open:
            self.refuses_open -= 1
            raise self.error
        self.opened += self._has_begun
        self._has_begun = True
        self.named = replace(named, began_epoch=named.epoch)
        self._index = named.first_unanswered_index
        held = HeldStream(b"", is_resumed=False, next_frame_index=self._index, max_result_count=9, max_result_bytes=9)
        return StreamOpened("", StreamLimits(Limits()), 1, held)

    def turn(self) -> None:
        self._results.clear()
        self._decoder = VideoDecoder(self._coder)
        self._is_broken = False

    def taken(self, count: int) -> None: ...

    def send(self, packet: Packet) -> None:
        number, self.taken_count = self.taken_count, self.taken_count + 1
        if number in self.too_large_at:
            raise LimitExceededError("too large")
        if number in self.breaks_at:
            self._is_broken = True
        if self._is_broken:
            raise self.error
        if number in self.forgets_at:
            self._decoder.references.clear()
        try:
            state = self._decoder.decode(packet.to_bytes()).state
            self.states.append(state.values.tobytes())
            outcome: Any = Labels(((Label(1, 900),),))
        except IsthmusError as error:
            outcome = error
        self._results.append((self._polls + self.delay, FrameResult(self._index, outcome, 0.01, Timing(0, 0))))
        self._index += 1

    def receive(self) -> FrameResult:
        if self._is_broken and (self.keeps or not self._results):
            raise self.error
        return self._results.popleft()[1]

    def take_ready(self) -> list[FrameResult]:
        self._polls += 1
        found = []
        while self._results and self._results[0][0] <= self._polls:
            found.append(self._results.popleft()[1])
        return found


@dataclass
class Kept:
    """A report that keeps what it gets."""

    rows: list[Row] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def finish(self, summary: Summary) -> None:
        self.summaries.append(dict(summary.fields))


@dataclass
class Pictures:
    """A source of pictures at hand."""

    pictures: list[UInt8]
    fps: float = 25.0
    is_live: bool = False
    name: str = "pictures"
    stops: Callable[[int], None] = lambda _: None

    def __iter__(self) -> Iterator[SourceFrame]:
        for index, pixels in enumerate(self.pictures):
            self.stops(index)
            yield SourceFrame(Image(pixels), index, index / self.fps)

    def close(self) -> None: ...

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_: object) -> None: ...


def crossed(cloud: FakeCloud, pictures: Pictures) -> tuple[Kept, list[bytes]]:
    """The report of one run, and the encoder's own states."""
    kept, states = Kept(), []
    encoder = VideoEncoder(cloud.codec, PATIENT)
    encode = encoder.encode

    def watched(frame: SourceFrame) -> Any:
        coded = encode(frame)
        states.append(coded.detail.state.values.tobytes())
        return coded

    encoder.encode = watched  # type: ignore[method-assign, assignment]
    flow = VideoFlow(VideoOptions(), encoder, cast(CloudClient, cloud), kept, sleep=lambda _: None)
    flow.send_all(pictures)
    flow.drain()
    flow.finish()
    return kept, states


def whys(kept: Kept) -> list[str]:
    """What became of each frame: its kind, or why it is missing."""
    assert [row.fields["frame"] for row in kept.rows] == list(range(len(kept.rows)))
    return [str(row.fields.get("type") or row.fields["missing"]) for row in kept.rows]


def test_a_lost_reference(zoo: Path) -> None:
    """The frames under way are refused, never guessed; the next one is a key frame."""
    cloud = FakeCloud(zoo / CODEC, delay=3, forgets_at=(7,))
    kept, states = crossed(cloud, Pictures(panning(20, step=1.0)))
    told = whys(kept)
    first = told.index("refused")
    assert first == 7
    assert told[7:10] == ["refused"] * 3
    recovered = told.index("key", 1)
    assert recovered <= 11
    assert "refused" not in told[recovered:]
    assert told.count("key") == 2
    missing = [row for row in kept.rows if "missing" in row.fields]
    assert {row.fields["error"] for row in missing} == {"ReferenceMissingError"}
    assert all(row.is_failure for row in missing)
    assert set(cloud.states) <= set(states)
    assert kept.summaries[0]["refused"] == len(missing)


@pytest.mark.parametrize("error", [CloudUnreachableError("gone"), DeadlineError("late"), OverloadedError("full")])
def test_a_lost_stream(zoo: Path, error: IsthmusError) -> None:
    """No frame is lost: those under way are encoded anew for the next cloud, the first of them as a key frame."""
    cloud = FakeCloud(zoo / CODEC, delay=2, breaks_at=(6, 13), refuses_open=0, error=error)
    kept, states = crossed(cloud, Pictures(panning(20, step=1.0)))
    told = whys(kept)
    assert len(told) == 20
    assert set(told) <= {"key", "motion", "residual"}
    assert told.count("key") == 3
    assert cloud.opened == kept.summaries[0]["reconnects"] == 2
    assert kept.summaries[0]["lost"] == kept.summaries[0]["refused"] == 0
    assert set(cloud.states) <= set(states)


def test_at_most_once(zoo: Path) -> None:
    """What may have been run is lost, and what comes after it is answered."""
    cloud = FakeCloud(zoo / CODEC, delay=9, breaks_at=(6,), keeps=True)
    kept = Kept()
    flow = VideoFlow(
        *(VideoOptions(), VideoEncoder(zoo / CODEC, PATIENT), cast(CloudClient, cloud), kept),
        sleep=lambda _: None,
        at_most_once=True,
    )
    flow.send_all(Pictures(panning(10, step=1.0)))
    flow.drain()
    flow.finish()
    told = whys(kept)
    assert told[:6] == ["lost"] * 6
    assert told[6] == "key"
    assert "lost" not in told[6:]
    assert kept.summaries[0]["lost"] == 6


def test_a_cloud_that_comes_back_late(zoo: Path) -> None:
    cloud = FakeCloud(zoo / CODEC, breaks_at=(4,), refuses_open=RECONNECT_TRIES - 1)
    kept, _ = crossed(cloud, Pictures(panning(8, step=1.0)))
    assert whys(kept)[4] == "key"
    assert whys(kept).count("key") == 2


def test_a_cloud_that_does_not_come_back(zoo: Path) -> None:
    cloud = FakeCloud(zoo / CODEC, breaks_at=(4,), refuses_open=99)
    with pytest.raises(CloudUnreachableError):
        crossed(cloud, Pictures(panning(8)))
    assert cloud.refuses_open == 99 - RECONNECT_TRIES


def test_a_packet_too_large(zoo: Path) -> None:
    kept, _ = crossed(FakeCloud(zoo / CODEC, too_large_at=(5,)), Pictures(panning(10, step=1.0)))
    assert whys(kept)[5:7] == ["refused", "key"]
    assert whys(kept).count("refused") == 1


def test_dropped_before_they_are_encoded(zoo: Path) -> None:
    """A slow cloud: every answer takes five looks. No more than two frames wait, and no reference is lost."""
    cloud = FakeCloud(zoo / CODEC, delay=5)
    kept, states = crossed(cloud, Pictures(panning(30, step=1.0), is_live=True))
    told = whys(kept)
    assert told.count("dropped") >= 10
    assert [row.fields["type"] for row in kept.rows] == told
    assert "refused" not in told
    assert told.count("key") == 1
    assert len(states) == 30 - told.count("dropped") == kept.summaries[0]["frames"]
    assert kept.summaries[0]["lost"] == kept.summaries[0]["refused"] == 0


def test_nothing_is_dropped_without_haste(zoo: Path) -> None:
    kept, _ = crossed(FakeCloud(zoo / CODEC, delay=5), Pictures(panning(30, step=1.0)))
    assert kept.summaries[0]["frames"] == 30


def test_frames_wait_for_their_time(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only moves when somebody waits: the last of ten frames of 5 a second is sent at 1.8 s."""
    now = [100.0]
    monkeypatch.setattr("isthmus.edge.video.flow.time.perf_counter", lambda: now[0])
    kept, encoder = Kept(), VideoEncoder(zoo / CODEC, PATIENT)
    sent_at = []
    cloud = FakeCloud(zoo / CODEC)
    send = cloud.send

    def watched(packet: Packet) -> None:
        sent_at.append(now[0] - 100.0)
        send(packet)

    monkeypatch.setattr(cloud, "send", watched)

    def sleep(wait_s: float) -> None:
        now[0] += wait_s + 1e-6

    flow = VideoFlow(VideoOptions(realtime=True), encoder, cast(CloudClient, cloud), kept, sleep=sleep)
    flow.send_all(Pictures(panning(10, step=1.0), fps=5.0))
    flow.drain()
    assert whys(kept).count("dropped") == 0
    assert sent_at == pytest.approx([0.2 * n for n in range(10)], abs=1e-3)


def test_late_frames_are_dropped(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where encoding takes 0.1 s and 25 frames a second are due, two of three are left out."""
    now = [100.0]
    monkeypatch.setattr("isthmus.edge.video.flow.time.perf_counter", lambda: now[0])
    cloud = FakeCloud(zoo / CODEC)
    send = cloud.send

    def slow(packet: Packet) -> None:
        now[0] += 0.1
        send(packet)

    monkeypatch.setattr(cloud, "send", slow)

    def sleep(wait_s: float) -> None:
        now[0] += wait_s + 1e-6

    kept = Kept()
    encoder = VideoEncoder(zoo / CODEC, PATIENT)
    flow = VideoFlow(VideoOptions(realtime=True), encoder, cast(CloudClient, cloud), kept, sleep=sleep)
    flow.send_all(Pictures(panning(50, step=1.0)))
    flow.drain()
    told = whys(kept)
    assert 25 <= told.count("dropped") <= 35
    assert now[0] - 100 == pytest.approx(2.0, abs=0.3)


def test_ended_by_hand(zoo: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(index: int) -> None:
        if index == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(video_job, "open_asked", lambda *_, **__: Pictures(panning(9), stops=stop))
    result = isthmus("edge", "clip.mp4", "--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json")
    lines, summary = lines_of(result)
    assert summary["frames"] + summary["lost"] == len(lines) == 4


@pytest.mark.slow
@pytest.mark.parametrize("realtime", [False, True])
def test_ctrl_c_at_any_line_tells_all_that_was_sent(
    zoo: Path, address: str, monkeypatch: pytest.MonkeyPatch, ctrl_c: CtrlC, realtime: bool
) -> None:
    """Whatever is being done as it comes, each frame that was sent is told once, in its place."""

    def begin(index: int) -> None:
        if index == 0:
            ctrl_c.begin()

    monkeypatch.setattr(video_job, "open_asked", lambda *_, **__: Pictures(panning(4), fps=100, stops=begin))
    words = ["edge", "clip.mp4", "--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json"]
    words += ["--realtime"] if realtime else []
    ended = 0
    for at in range(1, 2000, 59):
        with ctrl_c.coming(at, EDGE):
            result = isthmus(*words)
        assert result.exit_code == 0, (at, ctrl_c.where, result.stderr)
        lines, summary = lines_of(result)
        assert [line["frame"] for line in lines] == list(range(len(lines))), (at, ctrl_c.where)
        assert [line.get("missing") for line in lines].count("dropped") == summary["dropped"], (at, ctrl_c.where)
        assert len(lines) == summary["frames"] + summary["dropped"], (at, ctrl_c.where)
        ended += len(lines) < 4
        if not ctrl_c.where:
            break
    assert ended > 3


def test_realtime_through_a_live_cloud(zoo: Path, address: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", panning(10))
    options = ("--cloud", address, "--zoo", zoo, "--codec", CODEC, "--json", "--realtime", "--fps", "20")
    _, summary = lines_of(isthmus("edge", path, *options))
    assert summary["frames"] + summary["dropped"] == 10
    assert summary["elapsed_s"] > 0.4


# --- the table


def test_the_live_table(capsys: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    report = LiveReport(columns(MOTION_COMPENSATED_INFERENCE), console)
    for index in range(40):
        report.add(Row((str(index), f"{index / 25:.2f}", "motion", "14", "[cone]", "90.0%", "1.50", "5.50"), {}))
    lost = "a.mp4: frame 40: lost: no answer"
    report.add(Row(("40", "1.60", "lost", *["-"] * 5), {}, lost, is_failure=True))
    report.finish(VideoCounts(motions=40, bits=40 * 112, lost=1, elapsed_s=2.0).summary())
    shown = screen.getvalue()
    assert "[cone]" in shown
    assert "39" in shown
    said = capsys.readouterr()
    assert lost in said.err + shown
    assert "40 frames in 2.0 s" in said.out
    assert "1 frames lost with a stream" in said.out


def test_what_a_report_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live table where somebody looks, a line a row elsewhere, JSON for programs, one table where there is an end."""
    shape = columns(MOTION_COMPENSATED_INFERENCE)
    assert isinstance(reports.open_report(shape, as_json=False, is_live=True), reports.LineReport)
    assert isinstance(reports.open_report(shape, as_json=True, is_live=True), reports.JsonReport)
    assert isinstance(reports.open_report(shape, as_json=False), reports.TableReport)
    monkeypatch.setattr("rich.console.Console", lambda: Console(file=io.StringIO(), force_terminal=True))
    live = reports.open_report(shape, as_json=False, is_live=True)
    assert isinstance(live, LiveReport)
    live.finish(Summary())
