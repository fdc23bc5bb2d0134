"""`isthmus inspect` and `isthmus decode` of videos: codecs, packets and stream files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.coded_frames import NAME, Frames
from support.command_line import isthmus
from support.tiny_zoo import open_video_coder
from typer.testing import Result

from isthmus.codec.video import packet_summary
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.stream_file import StreamHeader, StreamWriter
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.frames import CodedFrame

pytestmark = pytest.mark.zoo(NAME)


@pytest.fixture(scope="module")
def coder(zoo: Path) -> VideoCoder:
    return open_video_coder(zoo / NAME)


@pytest.fixture(scope="module")
def frames(coder: VideoCoder) -> list[CodedFrame]:
    return Frames(coder, 41).chain(4)


def write_stream(path: Path, coder: VideoCoder, packets: list[Packet]) -> Path:
    with path.open("wb") as file:
        writer = StreamWriter(file, StreamHeader(coder.manifest.name, coder.manifest.identity))
        for packet in packets:
            writer.write(packet)
    return path


def flat(result: Result) -> str:
    """Without the table's lines and breaks."""
    return " ".join("".join(c for c in result.output if c not in "│┃┏┓┗┛━┳┡┩╇┴└┘─").split())


def test_a_codec(zoo: Path, coder: VideoCoder) -> None:
    manifest = coder.manifest
    shown = isthmus("inspect", NAME, "--zoo", zoo)
    assert shown.exit_code == 0, shown.output
    text = flat(shown)
    for words in (
        "video; motion-compensated-inference",
        f"{len(manifest.class_names)}: {manifest.class_names[0]}, {manifest.class_names[1]}",
        f"{manifest.latent_channels} channels, one for each {manifest.stride} x {manifest.stride}",
        f"{manifest.symbol_min} to {manifest.symbol_max}",
        f"a vector for each {manifest.block_latents} x {manifest.block_latents} latents",
        f"{coder.tables.motion.tables.count} tables",
    ):
        assert words in text
    assert NAME in isthmus("inspect", "--zoo", zoo).output


def test_packets(zoo: Path, frames: list[CodedFrame]) -> None:
    key, follower = frames[:2]
    shown = isthmus("inspect", key.packet.to_bytes().hex(), "--zoo", zoo, "--codec", NAME)
    assert shown.exit_code == 0, shown.output
    text = flat(shown)
    assert f"frame {key.state.serial}, 8 x 6 latents; bits: side 24, y {8 * len(key.packet.sections[1])}," in text
    assert f"packet {key.packet_bits}" in text
    assert f"{list(key.state.values.shape)}, {key.state.values.min() >> 4} to {key.state.values.max() >> 4}" in text
    shown = isthmus("inspect", follower.packet.to_bytes().hex(), "--zoo", zoo, "--codec", NAME)
    assert shown.exit_code == 0, shown.output
    text = flat(shown)
    assert f"frame {follower.state.serial} from {key.state.serial}" in text
    assert f"bits: motion {follower.motion_bits}, residual {follower.residual_bits}" in text
    assert "only a decoder that holds the reference can tell" in text
    damaged = isthmus("inspect", "0401", "--zoo", zoo, "--codec", NAME)
    assert damaged.exit_code == 2
    assert "error: size of section 0" in damaged.output or "section 0" in damaged.output


def test_a_damaged_side_is_said() -> None:
    assert packet_summary(Packet(PacketType.INTRA, (b"", b""))).startswith("damaged: ")
    assert packet_summary(Packet(PacketType.PREDICTED, (b"\x01\x02",))) == (
        "damaged: section 0: expected serial, reference and flags in 3 bytes, got 2"
    )


def test_a_stream_file(zoo: Path, coder: VideoCoder, frames: list[CodedFrame], tmp_path: Path) -> None:
    path = write_stream(tmp_path / "clip.isth", coder, [frame.packet for frame in frames])
    shown = isthmus("inspect", path, "--zoo", zoo)
    assert shown.exit_code == 0, shown.output
    text = flat(shown)
    assert text.count("predicted,") == 3  # of the blocks, a line a predicted frame
    assert "intra; motion of" in text
    assert f"{sum(frame.packet.size_bytes for frame in frames)} 4 packets" in text
    cut = write_stream(tmp_path / "cut.isth", coder, [frame.packet for frame in frames[1:2]])
    assert "cannot be decoded: section 0: expected a reference" in flat(isthmus("inspect", cut, "--zoo", zoo))


def test_a_stream_file_is_decoded_to_labels(
    zoo: Path, coder: VideoCoder, frames: list[CodedFrame], tmp_path: Path
) -> None:
    packets = [frame.packet for frame in frames]
    done = isthmus("decode", write_stream(tmp_path / "a.isth", coder, packets), "--zoo", zoo, "--top-k", 2)
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [line["packet"] for line in lines] == list(range(4))
    assert all(len(line["labels"]) == 2 and line["class"] in coder.manifest.class_names for line in lines)
    done = isthmus("decode", write_stream(tmp_path / "b.isth", coder, [packets[1], *packets]), "--zoo", zoo)
    assert done.exit_code == 2
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "expected a reference" in lines[0]["error"]
    assert all("class" in line for line in lines[1:])
