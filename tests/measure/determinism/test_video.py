"""A crossing under hard luck: sound encoders come through without a mismatch, and unsound ones are found out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from support import tiny_codec
from support.coded_frames import NAME, Frames
from support.tiny_zoo import open_video_coder
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.bits.packet import Packet
from isthmus.common.coded import Coded, Timing
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.state import LatentState
from isthmus.edge.client import CloudClient
from isthmus.edge.video.detail import FrameDetail
from isthmus.measure.determinism.crossing import WINDOW, Crossing, Rates, Tally, spoiled
from isthmus.measure.determinism.options import VideoCases
from isthmus.measure.determinism.video import CASES, VideoCase, _shares, moving_frames, video_determinism
from isthmus.measure.determinism.witness import Replay
from isthmus.measure.image.photographs import find_image_set

NO_LUCK_NEEDED = Rates(0, 0, 0)


pytestmark = pytest.mark.zoo(NAME)


@pytest.fixture(scope="module")
def codec(zoo: Path) -> CodecFolder[VideoManifest]:
    return load_codec_folder(zoo / NAME, kind=VideoManifest)


class Encoder:
    """Random latents under random motion, a key frame every twenty, predicted from the latest frame."""

    def __init__(self, codec: CodecFolder[VideoManifest], *, lies_at: int = -1, checksum_size_bytes: int = 2) -> None:
        coder = open_video_coder(codec.path)
        self._frames = Frames(coder, 3, 4, 4)
        self._latest: LatentState | None = None
        self._index, self._lies_at, self._checksum_size_bytes = -1, lies_at, checksum_size_bytes

    def encode(self, _: VideoFrame) -> Coded[FrameDetail]:
        self._index += 1
        is_key = self._latest is None or self._index % 20 == 0
        coded = self._frames.intra() if self._latest is None or is_key else self._frames.predicted(self._latest)
        if not self._checksum_size_bytes:
            coded = replace(coded, packet=replace(coded.packet, checksum=b""))
        if self._index == self._lies_at:
            values = coded.state.values.copy()
            values += 16
            coded = replace(coded, state=LatentState(values, coded.state.serial))
        self._latest = coded.state
        detail = FrameDetail(
            coded.state, coded.is_key, coded.motion_bits, coded.residual_bits, None, "", 0.0, network_runs=True
        )
        return Coded(coded.packet, Timing(()), detail, lambda: np.array([coded.estimated_bits]))

    def force_key(self) -> None:
        self._latest = None


def blank() -> Iterator[VideoFrame]:
    return (VideoFrame(Image(np.zeros((32, 32, 3), np.uint8)), index) for index in count())


def cross(address: str, codec: CodecFolder[VideoManifest], encoder: Encoder, rates: Rates, frames: int) -> Tally:
    with CloudClient(address, codec.manifest, wants_state_crc32=True, result_timeout_s=15) as client:
        crossing = Crossing(client, encoder, rates, np.random.default_rng(1), Replay(codec, 0))
        return crossing.run(blank(), frames)


@pytest.mark.slow
def test_hard_luck_makes_no_mismatch(address: str, codec: CodecFolder[VideoManifest]) -> None:
    tally = cross(address, codec, Encoder(codec), Rates(0.03, 0.03, 0.02), 1000)
    assert (tally.mismatches, tally.wrong_results) == (0, 0)
    assert tally.predicted_frames >= 1000
    assert min(tally.dropped, tally.corrupted, tally.reconnects, tally.abandoned) > 5
    assert tally.refused["ReferenceMissingError"] > 20
    assert tally.recoveries > 20
    assert tally.refused["PacketError"] + tally.refused["SymbolMismatchError"] > 20


def test_without_any_nothing_is_refused(address: str, codec: CodecFolder[VideoManifest]) -> None:
    with CloudClient(address, codec.manifest, wants_state_crc32=True) as client:
        replay = Replay(codec, 30)
        tally = Crossing(client, Encoder(codec), NO_LUCK_NEEDED, np.random.default_rng(1), replay).run(blank(), 57)
    assert 57 <= tally.predicted_frames < 57 + WINDOW
    assert (tally.key_frames, tally.recoveries) == (4, 0)
    assert not tally.refused
    assert (replay.replayed, replay.state_mismatches, replay.label_mismatches) == (30, 0, 0)


@pytest.mark.parametrize("checksum_size_bytes", [0, 2])
def test_a_state_that_differs_is_counted(
    address: str, codec: CodecFolder[VideoManifest], checksum_size_bytes: int
) -> None:
    """The encoder's own state is off by a step at a frame: it differs there, and in what is made of it."""
    encoder = Encoder(codec, lies_at=24, checksum_size_bytes=checksum_size_bytes)
    tally = cross(address, codec, encoder, NO_LUCK_NEEDED, 60)
    assert tally.mismatches > 0
    assert tally.wrong_results > 0
    refused = tally.refused["SymbolMismatchError"] + tally.refused["PacketError"]
    assert refused > 0 if checksum_size_bytes else not tally.refused["SymbolMismatchError"]


def test_an_encoder_of_key_frames_only(
    address: str, codec: CodecFolder[VideoManifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(codec)
    encode = encoder.encode

    def key(frame: VideoFrame) -> Coded[FrameDetail]:
        encoder.force_key()
        return encode(frame)

    monkeypatch.setattr(encoder, "encode", key)
    with pytest.raises(InputError, match="that predicts most frames, got 0 of 141"):
        cross(address, codec, encoder, NO_LUCK_NEEDED, 2)


def test_spoiled_packets_are_packets_of_other_bytes(codec: CodecFolder[VideoManifest]) -> None:
    random = np.random.default_rng(0)
    encoder = Encoder(codec)
    frame = next(blank())
    packets = [encoder.encode(frame).packet for _ in range(5)]
    found = [spoiled(packet, random) for packet in packets for _ in range(60)]
    originals = [packet for packet in packets for _ in range(60)]
    differing = sum(a.to_bytes() != b.to_bytes() for a, b in zip(found, originals, strict=True))
    assert differing > 0.97 * len(found)
    assert all(Packet.from_bytes(packet.to_bytes()) == packet for packet in found)
    assert len({(packet.type, len(packet.sections)) for packet in found}) >= 4


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth noise; one too small for a window."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number, side in enumerate((200, 300, 90)):
        coarse = PillowImage.fromarray(random.integers(0, 255, (12, 12, 3), np.uint8))
        coarse.resize((side, side), PillowImage.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def test_moving_frames_move_and_cut(pictures: Path) -> None:
    pytest.importorskip("cv2", reason="opencv (extra video) is not installed")
    frames = moving_frames(find_image_set(pictures), (4, 0))
    clip = [next(frames) for _ in range(130)]
    assert [frame.index for frame in clip] == list(range(130))
    pixels = np.stack([frame.image.pixels for frame in clip]).astype(np.int32)
    assert pixels.shape == (130, 64, 64, 3)
    changes = np.abs(np.diff(pixels, axis=0)).mean((1, 2, 3))
    assert (changes > 0).all()
    assert changes[[59, 119]].min() > 2 * np.median(changes)
    again = moving_frames(find_image_set(pictures), (4, 0))
    assert all(np.array_equal(frame.image.pixels, next(again).image.pixels) for frame in clip)


@contextmanager
def serve(zoo: Path, threads: int) -> Iterator[str]:
    with tiny_codec.live_cloud(zoo, threads=threads) as live:
        yield live.address


@pytest.mark.slow
def test_the_measurement(zoo: Path, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="opencv (extra video) is not installed")
    assert len(CASES) == 9
    cases = [VideoCase("onnxruntime", 1, 2, "latest", is_eager=True), VideoCase("numpy", 2, 1, "key", is_eager=False)]
    options = VideoCases(codec=str(zoo / NAME), frames=300, images=pictures)
    found = video_determinism(options, tmp_path, cases=cases, serve=serve)
    assert [agreement.case for agreement in found.agreements] == cases
    assert found.totals["frames"] >= 300
    written = json.loads((tmp_path / "determinism_video.json").read_text())
    summary = written["summary"]
    told = [case["tally"] for case in written["detail"]["cases"]]
    assert (
        sum(tally["refused"].get("ReferenceMissingError", 0) for tally in told)
        == summary["determinism.video_reference_missing"]
    )
    assert told[0]["residual_frames"] > told[0]["predicted_frames"] / 3
    assert summary["determinism.video_mismatches"] == 0
    assert summary["determinism.video_wrong_results"] == 0
    assert summary["determinism.video_frames"] >= 300
    assert summary["determinism.video_reference_missing"] > 0
    assert summary["determinism.video_recoveries"] > 0
    assert summary["determinism.video_replayed"] >= 140
    assert summary["determinism.video_label_mismatches"] == 0


def test_numpy_takes_few_frames() -> None:
    assert _shares(10_000, CASES) == [1245] * 8 + [40]
    assert _shares(90, CASES) == [10] * 9
    assert _shares(1, CASES) == [1] + [0] * 8
    assert _shares(300, CASES[-1:]) == [300]


def test_the_command(zoo: Path, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="opencv (extra video) is not installed")
    words = ["measure", "determinism-video", "--codec", str(zoo / NAME), "--frames", "1"]
    done = CliRunner().invoke(app, [*words, "--images", str(pictures), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "in 1 cases: 0 mismatches, 0 wrong results" in " ".join(done.output.split())
    assert (tmp_path / "determinism_video.json").is_file()
    none = CliRunner().invoke(app, [*words[:3], "none-such", "--zoo", str(zoo)])
    assert none.exit_code == 2
