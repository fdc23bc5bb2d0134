"""`isthmus edge` on images that are to be labelled: each one key frame of a codec of videos, told as images are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support.benches import bench
from support.command_line import isthmus
from support.tiny_image_codec import photo

from isthmus.cloud.video.codec import VideoCodec
from isthmus.codec import connect, default_codec, load
from isthmus.common.bits.packet import PacketType
from isthmus.common.bits.stream_file import StreamReader
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, Taking
from isthmus.common.errors import InputError
from isthmus.common.protocol import FrameLabels
from isthmus.common.signals import VideoFrame
from isthmus.common.video.signal import LABELLING_CODEC as CODEC
from isthmus.common.video.signal import VIDEO_LIMITS
from isthmus.data.image.files import read_image, write_image
from isthmus.edge.signal_choice import choose_codec
from isthmus.edge.video.encoder import VideoEncoder

pytestmark = pytest.mark.zoo("tiny-q1", "image-light-q4", CODEC)
COUNT = 4


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photographs of several sizes; the second is damaged."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(COUNT):
        write_image(photo(40 + 16 * index, 50, seed=index), folder / f"p{index}.png")
    (folder / "p1.png").write_bytes(b"oops")
    return folder


def moving(path: Path) -> Path:
    first, *others = (PIL.Image.fromarray(photo(40, 48, seed=seed).pixels) for seed in range(3))
    first.save(path, save_all=True, append_images=others)
    return path


def answer(zoo: Path, path: Path, top_k: int = 1) -> tuple[list[int], int]:
    """(class indices, packet bits) of an image that is the first and only frame of a stream."""
    coded = VideoEncoder(zoo / CODEC).encode(VideoFrame(read_image(path), 0))
    cloud = VideoCodec(zoo / CODEC, bench("video"))
    labels, _ = cloud.infer(cloud.decoder(), coded.packet.to_bytes(), top_k)
    assert isinstance(labels, FrameLabels)
    return [label.class_index for label in labels.signals(top_k)[0]], coded.packet_bits


@pytest.mark.parametrize("asked", [("--task", "classify"), ("--codec", CODEC, "--task", "classify")])
def test_a_folder_of_images_is_labelled(photos: Path, zoo: Path, address: str, asked: tuple[str, ...]) -> None:
    where = ("--cloud", address, "--zoo", zoo, "--json")
    result = isthmus("edge", photos, photos / "none.png", *where, *asked, "--top-k", "2")
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["file"]).name for line in lines] == [*(f"p{i}.png" for i in range(COUNT)), "none.png"]
    assert [i for i, line in enumerate(lines) if "error" in line] == [1, COUNT]
    for index in (0, 2, 3):
        line, path = lines[index], photos / f"p{index}.png"
        indices, bits = answer(zoo, path, 2)
        assert [label["class_index"] for label in line["labels"]] == indices
        assert (line["codec"], line["packet_bits"]) == (CODEC, bits)
        assert line["file_bytes"] == path.stat().st_size
        assert line["bits_over_file_bits"] == pytest.approx(bits / 8 / path.stat().st_size, abs=1e-6)
        assert 0 < line["probability"] <= 1


def test_a_codec_of_videos_says_it_as_well(photos: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    """Of images by their names; a folder is a video where only the codec is named, and so is an image that moves."""
    where = ("--cloud", address, "--zoo", zoo, "--codec", CODEC)
    result = isthmus("edge", photos / "p0.png", photos / "p2.png", *where)
    assert result.exit_code == 0, result.stderr
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["file", "class", "probability", "bits", "%", "of", "file", "ms"]
    for row, name in zip(rows, ("p0.png", "p2.png"), strict=False):
        bits = answer(zoo, photos / name)[1]
        assert row.split()[3:5] == [str(bits), f"{100 * bits / 8 / (photos / name).stat().st_size:.2f}"]
    (photos / "p1.png").unlink()
    gif = moving(tmp_path / "moving.gif")
    for given in (photos, gif):
        result = isthmus("edge", given, *where, "--json")
        frames = [json.loads(line) for line in result.stdout.splitlines()][:-1]
        assert [line["frame"] for line in frames] == [0, 1, 2]
    result = isthmus("edge", gif, *where, "--json", "--task", "classify")
    line = json.loads(result.stdout)
    assert line["labels"][0]["class_index"] in range(6)
    assert "the first was taken" in result.stderr
    assert line["notes"]


def test_standard_input(photos: Path, zoo: Path, address: str) -> None:
    data = (photos / "p0.png").read_bytes()
    options = ("--cloud", address, "--zoo", zoo, "--task", "classify", "--format", "png")
    line = json.loads(isthmus("edge", "-", *options, "--json", stdin=data).stdout)
    assert (line["file"], line["packet_bits"]) == ("-", answer(zoo, photos / "p0.png")[1])
    assert "file_bytes" not in line
    assert isthmus("edge", "-", *options, stdin=data).stdout.splitlines()[1].split()[4] == "-"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("--task", "label"),
            "--task: expected one of classify, reconstruct, detect, segment, embed, tensors, got 'label'",
        ),
        (("--task", "classify", "--codec", "image-light-q4"), f"got 'classify'; leave --codec out, for {CODEC}"),
        (("--task", "classify", "--codec", "image-light"), "expected reconstruct, as codec image-light-q1 does, got"),
        (
            ("--task", "reconstruct", "--codec", CODEC),
            f"as codec {CODEC} does, got 'reconstruct'; leave --codec out, for",
        ),
        (("--task", "reconstruct", "--codec", "tiny-q1"), "expected classify, as codec tiny-q1 does"),
        (("--task", "classify", "--quality", "4"), "expected no quality and no bound of bytes, codec vision-"),
        (("--task", "classify", "--quality", "10"), "quality: expected 1 to 9, got 10"),
        (("--task", "classify", "--save", "out"), "expected no --save: that is about images, and codec"),
        (("--codec", CODEC, "--key-interval", "4"), "expected no --key-interval: that is about videos, and codec"),
        (("--top-k", "3"), "images get labels with --task classify"),
    ],
)
def test_what_cannot_be_done_at_all(
    photos: Path, zoo: Path, address: str, arguments: tuple[str, ...], says: str
) -> None:
    result = isthmus("edge", photos / "p0.png", "--zoo", zoo, "--cloud", address, *arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_video_is_not_reconstructed(zoo: Path) -> None:
    result = isthmus("edge", "clip.mp4", "--zoo", zoo, "--task", "reconstruct")
    assert result.exit_code == 2
    assert "`isthmus inspect CODEC` says what a codec does" in result.stderr


def test_which_way(photos: Path, zoo: Path, tmp_path: Path) -> None:
    video, image, cloud = (SIGNALS[name] for name in ("video", "image", "point-cloud"))
    still = video.takes["image"]

    def way(*inputs: str, codec: str = "", task: str = "", **more: str) -> tuple[Signal, str, Signal | Taking]:
        choice = choose_codec(inputs, codec, zoo, task=task, **more)  # type: ignore[arg-type]
        assert choice.is_sequence == (choice.way is video)
        return choice.signal, choice.codec, choice.way

    assert way("a.jpg") == way("a.jpg", task="reconstruct") == (image, "image-light-q4", image)
    assert way("a.jpg", task="classify") == way("a.jpg", "b.PNG", codec=CODEC) == (video, CODEC, still)
    assert way(str(photos), task="classify") == way(str(photos), codec=CODEC, task="classify") == (video, CODEC, still)
    assert way(str(photos), codec=CODEC) == way("frame%04d.png", codec=CODEC) == (video, CODEC, video)
    assert way(str(moving(tmp_path / "a.gif")), codec=CODEC) == (video, CODEC, video)
    assert way(str(tmp_path / "a.gif"), codec=CODEC, task="classify") == (video, CODEC, still)
    assert way("a.jpg", codec=CODEC, signal="video") == (video, CODEC, video)
    assert way("a.mp4", "b.jpg", codec=CODEC) == (video, CODEC, video)
    for films in (way(str(photos), task="classify", signal="video"), way("a.mp4", task="classify")):
        assert films == (video, video.default_codec, video)
    assert way("-", task="classify", format_name="jpeg") == (video, CODEC, still)
    assert way("-", codec=CODEC) == way("camera:0", codec=CODEC, task="classify") == (video, CODEC, video)
    assert way("a.ply", codec="tiny-q1", task="classify") == (cloud, "tiny-q1", cloud)


def test_to_files_and_back(photos: Path, zoo: Path, tmp_path: Path) -> None:
    """A packet each, which stands alone: a folder of files will do."""
    result = isthmus("encode", photos, "-o", tmp_path / "coded", "--zoo", zoo, "--task", "classify")
    assert result.exit_code == 1
    assert "p1.png: expected an image" in result.stderr
    files = sorted((tmp_path / "coded").iterdir())
    assert [file.name for file in files] == ["p0.isth", "p2.isth", "p3.isth"]
    result = isthmus("decode", *files, "--zoo", zoo)
    found = [json.loads(line)["labels"][0]["class_index"] for line in result.stdout.splitlines()]
    assert found == [answer(zoo, photos / f"{file.stem}.png")[0][0] for file in files]
    one = tmp_path / "one.isth"
    assert (
        isthmus("encode", photos / "p0.png", photos / "p0.png", "-o", one, "--zoo", zoo, "--codec", CODEC).exit_code
        == 0
    )
    with one.open("rb") as file:
        packets = list(StreamReader(file, VIDEO_LIMITS))
    assert [packet.type for packet in packets] == [PacketType.INTRA] * 2


def test_from_python(photos: Path, zoo: Path, address: str) -> None:
    codec = load(default_codec("image", "classify"), zoo=zoo, mode="intra", top_k=2)
    indices, bits = answer(zoo, photos / "p2.png", 2)
    coded = codec.encode(photos / "p2.png")
    assert coded.packet_bits == bits
    assert [label.class_index for label in codec.decode(coded, task="classify").signals[0]] == indices
    with connect(address, codec, "classify") as cloud:
        found = list(cloud.results([photos / "p0.png", np.asarray(read_image(photos / "p2.png").pixels)]))
    assert [one.coded.packet.type for one in found if one.coded] == [PacketType.INTRA] * 2
    assert [label.class_index for label in found[1].value.signals[0]] == indices
    assert default_codec("image") == "image-light-q4"
    for signal, task in (("radar", ""), ("image", "label")):
        with pytest.raises(InputError, match="expected one of"):
            default_codec(signal, task)
