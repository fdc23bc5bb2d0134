"""The demo's video: what is printed and drawn, and what is said where something is missing."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from support import tiny_codec, tiny_video_codec
from support.tiny_clips import panning, write_video
from support.tiny_image_codec import photo
from typer.testing import CliRunner

from isthmus.cloud.video.codec import VideoCodec
from isthmus.command.demo import _show_moved_photo
from isthmus.command.main import app
from isthmus.command.video import demo as video_demo
from isthmus.command.video import picture as video_picture
from isthmus.command.video.crossing import KINDS, VideoCrossing, mean_of
from isthmus.command.video.demo import class_index, cross, kinds_table, moved_photo, said, show_video
from isthmus.command.video.picture import busiest_channel, draw_crossing, farthest
from isthmus.common.errors import CodecError
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.common.protocol import FrameLabels
from isthmus.common.video.motion_field import MotionField
from isthmus.data.image.files import read_image, write_image
from isthmus.data.video.clips import Clip
from isthmus.measure.image import photographs

CODEC = tiny_video_codec.NAME


pytestmark = pytest.mark.zoo("video-test-q1", "tiny-q1")


@pytest.fixture(scope="module")
def zoo(zoo: Path) -> Path:
    """With a codec of frames of one size."""
    tiny_video_codec.write_video_codec(zoo, "video-sized-q1", size=(48, 64), block_latents=4)
    return zoo


@pytest.fixture(autouse=True)
def _zoo_of_the_command(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_ZOO", str(zoo))


@pytest.fixture(scope="module")
def crossing(zoo: Path, address: str) -> VideoCrossing:
    clip = Clip("hill.mp4", np.stack(panning(20)))
    return cross(clip, zoo / CODEC, address, tiny_video_codec.CLASS_NAMES[2])


def test_a_clip_crosses_predicted_and_as_key_frames(crossing: VideoCrossing) -> None:
    assert len(crossing.sent) == len(crossing.intra) == len(crossing.own) == len(crossing.latents) == 20
    assert crossing.sent[0].kind == "key"
    # How many of each there are is the policy's affair.
    assert any(frame.kind != "key" for frame in crossing.sent)
    assert {frame.kind for frame in crossing.intra} == {"key"}
    assert all(frame.network_runs for frame in crossing.intra)
    for frame in crossing.sent:
        assert frame.network_runs or frame.kind == "motion"
        assert (frame.field is None) == (frame.kind == "key")
        assert (frame.residual_bits > 0) == (frame.kind == "motion + residual")
        assert frame.packet_bits > frame.motion_bits + frame.residual_bits
    # A key frame is the same either way, but for its serial.
    assert crossing.sent[0].packet_bits == crossing.intra[0].packet_bits
    np.testing.assert_array_equal(crossing.sent[0].held, crossing.intra[0].held)
    assert np.abs(crossing.intra[5].held / 16 - crossing.latents[5]).max() <= 0.5
    bits = [sum(frame.packet_bits for frame in frames) for frames in (crossing.sent, crossing.intra)]
    assert crossing.saved_percent == pytest.approx(100 * (1 - bits[0] / bits[1]))
    assert crossing.saved_percent > 0
    assert crossing.target == 2


def test_the_table_has_a_row_for_each_kind(crossing: VideoCrossing) -> None:
    first, *others = crossing.sent
    motion = [replace(frame, kind="motion", packet_bits=1000 + k) for k, frame in enumerate(others[:10])]
    corrected = [replace(frame, kind="motion + residual", residual_bits=700) for frame in others[10:]]
    known = replace(crossing, sent=(first, *motion, *corrected))
    rows = {row[0]: row[1:] for row in kinds_table(known).rows}
    assert tuple(rows) == (*KINDS.values(), "all", "key frames alone")
    assert [int(rows[name][0]) for name in rows] == [1, 9, 10, 20, 20]
    assert rows["motion"][1] == "1,004"  # of 1004.5, half to even
    assert rows["motion + residual"][3] == "700"
    assert rows["key frames alone"][-1] == "20"
    only_keys = replace(crossing, sent=crossing.intra)
    assert {row[0]: row[1:3] for row in kinds_table(only_keys).rows}["motion"] == ("0", "–")


def test_what_is_said_of_the_answers(crossing: VideoCrossing) -> None:
    saved, times, answers, truth = said(crossing)
    assert f"saves {crossing.saved_percent:.1f} %" in saved
    assert times.startswith("At the edge a predicted frame takes ")
    assert f"original frame: {crossing.agreed(crossing.sent)} of 20 frames" in answers
    assert truth.startswith("In truth it is blue: ")
    # Answers that are known: the cloud says 1 throughout, the whole network 1 in half of the frames.
    frames = tuple(replace(frame, answer=1) for frame in crossing.sent)
    own = np.array([1, 2] * 10)
    known = replace(crossing, sent=frames, own=own, target=1)
    assert known.agreed(known.sent) == 10
    assert known.top == "green"
    _, _, answers, truth = said(known)
    assert "10 of 20 frames" in answers
    assert truth.startswith("In truth it is green: the cloud says so of 20 of 20 frames")
    assert truth.endswith("the whole network: 10).")
    for encode_ms, is_slow in ((1e-6, False), (1e6, True)):
        slow = tuple(replace(frame, kind="motion", encode_ms=encode_ms, network_runs=False) for frame in frames)
        _, times, *_ = said(replace(known, sent=slow))
        assert ("the search for motion takes longer" in times) == is_slow
    (alone, _) = said(replace(known, sent=known.intra, target=-1))
    assert alone == "Prediction saves 0.0 % of the bits of key frames alone (both were sent)."


def test_classes_go_by_their_first_synonym() -> None:
    names = ("tabby, tabby cat", "Egyptian cat", "cat")
    assert [class_index(names, wanted) for wanted in ("cat", "tabby", "tabby, tabby cat", "dog", "")] == [
        2,
        0,
        0,
        -1,
        -1,
    ]
    assert np.isnan(mean_of((), "packet_bits"))


def test_a_cloud_that_holds_something_else_is_found_out(
    zoo: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = VideoCodec.infer

    def other(self: VideoCodec, *arguments: Any, **named: Any) -> Any:
        labels, timing = honest(self, *arguments, **named)
        assert isinstance(labels, FrameLabels)
        return replace(labels, state_crc32=labels.state_crc32 ^ 1), timing

    monkeypatch.setattr(VideoCodec, "infer", other)
    with pytest.raises(CodecError, match=r"hill.mp4, frame 0: expected the cloud to hold what the encoder holds"):
        cross(Clip("hill.mp4", np.stack(panning(3))), zoo / CODEC, address)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "count", "height", "width"),
    [(CODEC, 9, 64, 96), (CODEC, 1, 70, 50), ("video-sized-q1", 3, 40, 41)],
)
def test_the_picture_is_drawn_of_any_clip(
    zoo: Path, address: str, tmp_path: Path, codec: str, count: int, height: int, width: int
) -> None:
    clip = Clip("hill.mp4", np.stack(panning(count, height, width)))
    path = show_video(Console(quiet=True), clip, zoo / codec, address, tmp_path / "new")
    assert path == tmp_path / "new" / f"hill.{codec}.png"
    sheet = read_image(path).pixels
    wide, high = (round(side * video_picture.DOTS_PER_INCH) for side in video_picture.SIZE_INCHES)
    assert sheet.shape == (high, wide, 3)
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100


def test_the_picture_shows_what_frames_were_sent_as(crossing: VideoCrossing, tmp_path: Path) -> None:
    def colours(crossed: VideoCrossing) -> dict[str, int]:
        draw_crossing(crossed, tmp_path / "sheet.png")
        pixels = read_image(tmp_path / "sheet.png").pixels
        wanted = {kind: bytes.fromhex(colour[1:]) for kind, colour in video_picture.COLOURS.items()}
        return {kind: int((pixels == tuple(colour)).all(-1).sum()) for kind, colour in wanted.items()}

    still = MotionField.still(*next(frame.field for frame in crossing.sent if frame.field).modes.shape)
    as_motion = tuple(replace(frame, kind="motion", field=still) for frame in crossing.sent)
    only_motion, only_keys = colours(replace(crossing, sent=as_motion)), colours(replace(crossing, sent=crossing.intra))
    assert only_motion["motion"] > 5000
    assert only_motion["key"] + only_motion["motion + residual"] < 100
    assert only_keys["key"] > 5000
    assert only_keys["motion"] + only_keys["motion + residual"] < 100


def test_the_frame_that_is_looked_at(crossing: VideoCrossing) -> None:
    names = tuple(KINDS.values())

    def of_kinds(*kinds: int) -> int:
        frame = next(frame for frame in crossing.sent if frame.field is not None)
        return farthest(tuple(replace(frame, kind=names[k], field=frame.field if k else None) for k in kinds))

    assert of_kinds(0, 2, 2, 1, 2, 2, 2, 0, 2) == 6
    assert of_kinds(0, 2, 1, 2) == 1
    assert of_kinds(0, 1, 1) == 1
    assert of_kinds(0, 0) == 0
    latents = np.zeros((3, 4, 4), np.float32)
    latents[1, 0, 0], latents[2] = 1, 9
    assert busiest_channel(latents) == 1


def test_a_camera_moves_over_a_photograph(tmp_path: Path) -> None:
    write_image(photo(200, 330), tmp_path / "hill.png")
    clip = moved_photo(tmp_path / "hill.png")
    assert clip.frames.shape == (video_demo.FRAMES, 96, 158, 3)
    assert clip.name == "hill.png"
    near, far = (psnr_rgb_db(clip.frames[0], clip.frames[k]) for k in (1, 20))
    assert 40 > near > far + 3


def test_the_shipped_photograph_crosses(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_demo, "FRAMES", 12)
    console = Console(record=True, width=160, file=io.StringIO())
    _show_moved_photo(console, CODEC, tmp_path, address)
    text = console.export_text()
    assert f"chelsea.png, 12 frames of 144 x 96 pixels, coded by {CODEC}:" in text
    assert "motion + residual" in text
    assert "In truth" not in text  # these classes know no cat
    assert (tmp_path / f"chelsea.{CODEC}.png").is_file()


@pytest.mark.slow
def test_the_demo_sends_videos(tmp_path: Path) -> None:
    for number in range(4):
        write_video(tmp_path / f"v{number}.mp4", panning(6, seed=number))
    out = tmp_path / "out"
    arguments = ["demo", "--data", str(tmp_path), "--out", str(out), "--video-codec", CODEC]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "v0, 6 frames of 96 x 64 pixels" in result.output.replace("\n", " ")
    assert "These are the first 3 of 4 videos." in result.output
    assert "Rate against accuracy" not in result.output
    assert sorted(p.name for p in out.iterdir()) == [f"v{n}.{CODEC}.png" for n in range(3)]


def test_a_damaged_video_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    result = CliRunner().invoke(app, ["demo", "--data", str(tmp_path / "bad.mp4"), "--video-codec", CODEC])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "bad.mp4" in result.output + result.stderr


def test_a_missing_package_or_codec_is_a_line_and_no_failure(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    _show_moved_photo(console, "video-none-q1", tmp_path, address)
    assert "No video crosses: codec 'video-none-q1'" in console.export_text()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "cv2", None)
        _show_moved_photo(console, CODEC, tmp_path, address)
    said_of_cv2 = console.export_text()
    assert "No video crosses: " in said_of_cv2
    assert "isthmus[video]" in said_of_cv2
    monkeypatch.setattr(photographs, "find_spec", lambda _: None)
    _show_moved_photo(console, CODEC, tmp_path, address)
    assert "No video crosses: photograph: expected chelsea.png" in console.export_text()
    assert list(tmp_path.glob("*.png")) == []


def test_the_demo_needs_no_torch_for_a_video() -> None:
    code = (
        "import sys; import isthmus.command.demo, isthmus.command.video.demo, isthmus.command.video.picture;"
        "import isthmus.measure.video.network, isthmus.measure.video.live, isthmus.data.video.clips;"
        "print([name for name in ('torch', 'skimage', 'open3d') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=tiny_codec.child_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
