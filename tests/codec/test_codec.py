"""Codecs from Python: signals to packets and back, of each kind of thing a program may have, and what is refused."""

from __future__ import annotations

import asyncio
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_codec, tiny_video_codec
from support.tiny_clips import panning, write_video
from support.tiny_image_codec import photo
from support.tiny_zoo import POINTS

from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.codec import Codec, NamedLabel, NamedLabels, codecs, load
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.coded import Coded
from isthmus.common.errors import (
    InputError,
    IsthmusError,
    LimitExceededError,
    ManifestError,
    PacketError,
    ReferenceMissingError,
)
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import Image, PointCloud, VideoFrame
from isthmus.common.zoo import ZOO_VARIABLE
from isthmus.data.image.files import read_image, write_image
from isthmus.data.pointcloud.normalize import normalize
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

IMAGES, VIDEOS = "image-test-q1", tiny_video_codec.NAME
pytestmark = pytest.mark.zoo(POINTS, IMAGES, VIDEOS)


@pytest.fixture(scope="module")
def points(zoo: Path) -> Codec:
    return load(POINTS, zoo=zoo)


@pytest.fixture(scope="module")
def images(zoo: Path) -> Codec:
    return load(IMAGES, zoo=zoo)


@pytest.fixture(scope="module")
def videos(zoo: Path) -> Codec:
    return load(VIDEOS, zoo=zoo)


def packets(found: Any) -> list[bytes]:
    return [coded.packet.to_bytes() for coded in found]


def test_a_cloud_of_points_as_whatever_it_comes(points: Codec, zoo: Path, tmp_path: Path) -> None:
    (cloud,) = tiny_codec.clouds(1)
    path = tmp_path / "cloud.npy"
    np.save(path, cloud.points)
    expected = PointCloudEncoder(zoo / POINTS).encode(cloud).packet
    for form in (cloud, cloud.points, cloud.points.tolist(), cloud.points.astype(np.float64), path, str(path)):
        coded = points.encode(form)
        assert coded.packet == expected
    assert coded.packet_bits == 8 * len(expected.to_bytes())
    symbols = tiny_codec.expected_symbols(normalize(cloud.points))
    logits = symbols.astype(np.float32) @ tiny_codec.WEIGHTS
    for packet in (coded, coded.packet, coded.packet.to_bytes()):
        answer = points.decode(packet)
        assert isinstance(answer, NamedLabels)
        assert answer.best.class_index == int(logits.argmax())
        assert answer.best.class_name == tiny_codec.CLASS_NAMES[int(logits.argmax())]
    probability = float((np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()).max())
    assert answer.best.probability == pytest.approx(probability, abs=5e-4)
    assert answer.best.is_doubtful == (answer.best.probability < 0.5)
    assert [NamedLabel("ball", 2, p).is_doubtful for p in (0.499, 0.5)] == [True, False]
    assert str(answer) == f"{answer.best.class_name} ({answer.best.probability:.1%})"


def test_an_image_comes_back_as_the_cloud_would_give_it(images: Codec, zoo: Path, tmp_path: Path) -> None:
    picture = photo(40, 56)
    path = tmp_path / "photo.png"
    write_image(picture, path)
    coded = images.encode(path)
    assert packets(map(images.encode, (picture, picture.pixels, str(path)))) == [coded.packet.to_bytes()] * 3
    found = images.decode(coded.packet)
    assert isinstance(found, Image)
    expected, _ = Reconstructor(zoo / IMAGES, IMAGE_LIMITS).reconstruct(coded.packet.to_bytes())
    assert np.array_equal(found.pixels, expected.pixels)


def test_a_video_is_a_stream(videos: Codec, tmp_path: Path) -> None:
    frames = panning(5, 64, 96)
    coded = list(videos.encode_all(frames))
    assert [c.packet.type for c in coded][:2] == [PacketType.INTRA, PacketType.PREDICTED]
    assert packets(videos.encode_all(np.stack(frames))) == packets(coded)
    assert packets(videos.encode_all(VideoFrame(Image(f), k) for k, f in enumerate(frames))) == packets(coded)
    answers = list(videos.decode_all(coded))
    assert len(answers) == 5
    assert all(isinstance(answer, NamedLabels) for answer in answers)
    clip = write_video(tmp_path / "clip.mp4", frames)
    assert len(list(videos.encode_all(clip))) == 5
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, pixels in enumerate(frames):
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    assert packets(videos.encode_all(folder)) == packets(coded)


def test_one_frame_alone_is_a_key_frame_however_often(videos: Codec) -> None:
    frames = panning(4, 64, 96)
    alone = [videos.encode(frame) for frame in frames]
    assert {coded.packet.type for coded in alone} == {PacketType.INTRA}
    stream = videos.stream()
    together = [stream.encode(frame) for frame in frames]
    assert packets(together) == packets(videos.encode_all(frames))
    predicted = next(coded for coded in together if coded.packet.type is PacketType.PREDICTED)
    with pytest.raises(ReferenceMissingError, match="key frame"):
        videos.decode(predicted)
    assert [stream.decode(coded) for coded in together] == list(videos.decode_all(together))
    stream.restart()
    assert stream.encode(frames[0]).packet.type is PacketType.INTRA


def test_a_refused_packet_leaves_a_stream_as_it_was(videos: Codec) -> None:
    coded = list(videos.encode_all(panning(3, 64, 96)))
    stream = videos.stream()
    first = stream.decode(coded[0])
    with pytest.raises(PacketError):
        stream.decode(b"\x00")
    assert [first, stream.decode(coded[1])] == list(videos.decode_all(coded[:2]))


def test_a_folder_of_files_in_their_order(points: Codec, tmp_path: Path) -> None:
    clouds = tiny_codec.clouds(4)
    for number, cloud in enumerate(clouds):
        np.save(tmp_path / f"{number}.npy", cloud.points)
    assert packets(points.encode_all(tmp_path)) == packets(map(points.encode, clouds))
    with pytest.raises(InputError, match="expected one signal of clouds of points, got several; encode_all"):
        points.encode(tmp_path)


def test_packets_are_made_when_they_are_asked_for(points: Codec) -> None:
    drawn: list[int] = []

    def endless() -> Any:
        while True:
            drawn.append(len(drawn))
            yield tiny_codec.clouds(1)[0]

    found = points.encode_all(endless())
    assert not drawn
    next(found)
    next(found)
    assert len(drawn) == 2


def test_options_are_those_of_the_signal(zoo: Path) -> None:
    (cloud,) = tiny_codec.clouds(1)
    labels = load(POINTS, zoo=zoo, top_k=3).decode(load(POINTS, zoo=zoo).encode(cloud))
    assert len(labels.signals[0]) == 3
    assert sorted((one.probability for one in labels.signals[0]), reverse=True) == [
        one.probability for one in labels.signals[0]
    ]
    assert len(load(POINTS, zoo=zoo, top_k=99).decode(load(POINTS, zoo=zoo).encode(cloud)).signals[0]) == 5
    turned = cloud.points[:, [0, 2, 1]] * np.array([1, 1, -1], np.float32)
    assert load(POINTS, zoo=zoo, up="y").encode(turned).packet == load(POINTS, zoo=zoo).encode(cloud).packet
    thinned = load(POINTS, zoo=zoo, points=8).encode(PointCloud(np.repeat(cloud.points[:1], 60, 0)))
    assert thinned.packet_bits > 0
    keys = load(VIDEOS, zoo=zoo, mode="intra").encode_all(panning(3, 64, 96))
    assert {coded.packet.type for coded in keys} == {PacketType.INTRA}
    static = load(IMAGES, zoo=zoo, adaptation="static").encode(photo(40, 56))
    assert str(static.detail.symbols.adaptation) == "static"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            POINTS,
            {"adaptation": "static"},
            "'adaptation': expected one of up, columns, topic, points, top_k for clouds of points",
        ),
        (IMAGES, {"quality": 3}, "'quality': expected one of adaptation, topic for images"),
        (VIDEOS, {"mode": "fast"}, "mode: expected one of auto, intra, motion, got 'fast'"),
        (POINTS, {"top_k": 0}, "top_k: expected 1 or more, got 0"),
        ("tiny-q2", {}, "codec 'tiny-q2': expected one of the .* such as tiny-q1, .*`isthmus inspect` lists them"),
        ("/nowhere/at-all", {}, "expected a codec folder with manifest.json, got none there"),
    ],
)
def test_what_cannot_be_loaded(zoo: Path, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(name, zoo=zoo, **options)


def test_a_folder_or_a_name_and_where_it_is_looked_for(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(zoo / POINTS).manifest == load(str(zoo / POINTS)).manifest == load(POINTS, zoo=[zoo]).manifest
    monkeypatch.setenv(ZOO_VARIABLE, str(zoo))
    codec = load(POINTS)
    assert codec.name == POINTS
    assert codec.classes == tiny_codec.CLASS_NAMES
    assert repr(codec) == f"<Codec {POINTS} of clouds of points, {zoo / POINTS}>"


def test_networks_are_opened_when_they_are_needed(tmp_path: Path) -> None:
    """An edge has no cloud half on its disk, and needs none."""
    folder = tiny_codec.write_codec(tmp_path, "tiny-q1")
    (folder / "cloud.onnx").unlink()
    codec = load(folder)
    coded = codec.encode(tiny_codec.clouds(1)[0])
    with pytest.raises(ManifestError, match=r"cloud\.onnx: the manifest names this file, cannot read it"):
        codec.decode(coded)
    (folder / "edge.onnx").write_bytes(b"damaged")
    assert codec.encode(tiny_codec.clouds(1)[0]).packet == coded.packet  # opened before
    with pytest.raises(ManifestError, match="SHA-256"):
        load(folder).encode(tiny_codec.clouds(1)[0])


@pytest.mark.parametrize(
    ("name", "thing", "message"),
    [
        (POINTS, "/nowhere.npy", "expected a file or folder, got a path where nothing is"),
        (POINTS, np.zeros((5, 2)), r"expected an array \[points, 3\], got shape \[5, 2\]"),
        (POINTS, np.zeros((2, 3)), "expected at least 4 points"),
        (POINTS, [[0, 0, float("nan")]] * 9, "expected points, got 9 without a finite place"),
        (POINTS, None, "expected real numbers"),
        (IMAGES, np.zeros((8, 8, 3)), "expected uint8 pixels"),
        (IMAGES, tiny_codec.clouds(1)[0], "expected uint8 pixels"),
        (IMAGES, 5, "expected uint8 pixels"),
        (VIDEOS, np.zeros((8, 8), np.uint8), "expected uint8 pixels"),
        (VIDEOS, "/nowhere.mp4", "got a path where nothing is"),
    ],
)
def test_what_is_no_signal(zoo: Path, name: str, thing: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(name, zoo=zoo).encode(thing)


def test_a_wrong_file(images: Codec, videos: Codec, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png: expected an image"):
        images.encode(text)
    clip = write_video(tmp_path / "clip.mp4", panning(3, 64, 96))
    with pytest.raises(InputError, match=r"clip\.mp4: expected one signal of videos, got several"):
        videos.encode(clip)
    with pytest.raises(InputError, match=r"clip\.mp4"):
        images.encode(clip)


def test_a_packet_of_another_codec(points: Codec, images: Codec, videos: Codec) -> None:
    cloud, picture = tiny_codec.clouds(1)[0], photo(40, 56)
    with pytest.raises(PacketError):
        images.decode(points.encode(cloud))
    with pytest.raises(PacketError):
        videos.decode(points.encode(cloud))
    with pytest.raises(PacketError):
        points.decode(images.encode(picture))


def test_what_is_no_packet_at_all(points: Codec) -> None:
    with pytest.raises(InputError, match="expected a Packet, its bytes or a Coded, got str"):
        points.decode("00")  # type: ignore[arg-type]
    with pytest.raises(LimitExceededError):
        points.decode(bytes(2 << 20))
    with pytest.raises(InputError, match="task: expected classify, as codec tiny-q1 does, got 'boxes'"):
        points.decode(points.encode(tiny_codec.clouds(1)[0]), task="boxes")


@settings(max_examples=60)
@given(data=st.binary(max_size=40))
def test_bytes_that_nobody_sent_are_refused_or_decoded(points: Codec, videos: Codec, data: bytes) -> None:
    """Never anything but an error of ours; and what is decoded is a packet to the last byte."""
    for codec in (points, videos):
        try:
            answer = codec.decode(data)
        except IsthmusError:
            continue
        assert isinstance(answer, NamedLabels)
        assert Packet.from_bytes(data).to_bytes() == data


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(4, 64))
def test_what_was_encoded_is_what_is_inspected(points: Codec, seed: int, count: int) -> None:
    (cloud,) = tiny_codec.clouds(1, count, seed)
    coded: Coded[Any] = points.encode(cloud)
    found = points.inspect(coded)
    assert (found.type, found.signal_count, found.sections) == ("intra", 1, coded.packet.sections)
    assert found.packet_bits == coded.packet_bits
    assert found.payload_bits == coded.payload_bits == sum(found.section_bits)
    ((field, words),) = found.fields
    assert field == "symbols"
    assert words.startswith(str(tiny_codec.expected_symbols(normalize(cloud.points)).tolist()))
    assert points.inspect(coded.packet.to_bytes()) == found


def test_a_codec_inspected(points: Codec, images: Codec, videos: Codec, zoo: Path) -> None:
    for codec in (points, images, videos):
        found = codec.inspect()
        assert found.identity == codec.manifest.identity.hex()
        assert [name for name, _, _ in found.files] == [name for name, _ in codec.manifest.weights]
        assert all((zoo / codec.name / name).stat().st_size == size for name, size, _ in found.files)
        assert f"Codec {codec.name}" in str(found)
    assert dict(points.inspect().fields)["classes"] == "5: cube, cone, ball, rod, disc"
    said = str(images.inspect(images.encode(photo(40, 56))))
    assert "56 x 40 pixels" in said
    with pytest.raises(PacketError):
        images.inspect(points.encode(tiny_codec.clouds(1)[0]))


def test_codecs_there_are(zoo: Path) -> None:
    rows = {row.name: row for row in codecs(zoo)}
    assert {POINTS, IMAGES, VIDEOS, "pc-lite-any-q10"} <= set(rows)
    row = rows[POINTS]
    manifest = load_codec_folder(row.path, needed=(), kind=PointCloudManifest).manifest
    assert (row.signal, row.tasks, row.classes) == ("point-cloud", ("classification",), tiny_codec.CLASS_NAMES)
    assert (row.latents, row.points, row.identity) == ("3", 0, manifest.identity.hex())
    assert row.size_bytes == sum(file.stat().st_size for file in row.path.iterdir())
    assert math.isnan(row.validation_bits)
    assert math.isnan(row.validation_top1_percent)
    shipped = rows["pc-lite-p1024-q10"]
    assert shipped.points == 1024
    assert 0 < shipped.validation_bits < 1000
    assert 50 < shipped.validation_top1_percent <= 100
    with pytest.raises(InputError, match="expected a folder of codecs"):
        codecs(zoo / "nothing")


def test_decoding_inside_an_event_loop(points: Codec) -> None:
    """As in a notebook, whose cells run inside one."""
    coded = points.encode(tiny_codec.clouds(1)[0])
    expected = points.decode(coded)

    async def cell() -> list[NamedLabels]:
        return [points.decode(coded), await asyncio.to_thread(points.decode, coded)]

    assert asyncio.run(cell()) == [expected] * 2


def test_one_codec_used_by_several_threads(points: Codec) -> None:
    clouds = tiny_codec.clouds(40)
    expected = [(points.encode(cloud).packet, points.decode(points.encode(cloud))) for cloud in clouds]
    found: list[list[Any]] = [[] for _ in range(4)]

    def work(mine: list[Any]) -> None:
        for cloud in clouds:
            coded = points.encode(cloud)
            mine.append((coded.packet, points.decode(coded)))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [expected] * 4


def test_files_that_the_command_writes_are_what_the_api_reads(images: Codec, zoo: Path, tmp_path: Path) -> None:
    from support.command_line import isthmus

    from isthmus.common.bits.stream_file import StreamReader

    write_image(photo(40, 56), tmp_path / "photo.png")
    stream, out = tmp_path / "photo.isth", tmp_path / "out.png"
    assert isthmus("encode", tmp_path / "photo.png", "--zoo", zoo, "--codec", IMAGES, "-o", stream).exit_code == 0
    assert isthmus("decode", stream, "--zoo", zoo, "-o", out).exit_code == 0
    with stream.open("rb") as file:
        (packet,) = list(StreamReader(file))
    assert packet == images.encode(photo(40, 56)).packet
    assert np.array_equal(images.decode(packet).pixels, read_image(out).pixels)
