"""Clips to measure on."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from isthmus.common.errors import InputError
from isthmus.data.image.labelled import LabelledImages
from isthmus.data.video.clips import (
    UNLABELLED,
    Clip,
    ClipSet,
    find_videos,
    join_sets,
    moved_labelled,
    moved_photographs,
    packed_photographs,
    packed_sequences,
    read_video,
    video_files,
)

pytest.importorskip("cv2", reason="OpenCV is not installed (extra `video`)")


def encoded(value: int, height: int = 24, width: int = 32) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def packed(path: Path, **replaced: object) -> Path:
    """Two sequences, their frames shuffled in the file."""
    files = [encoded(v) for v in (20, 0, 10, 120, 100)]
    fields = {
        "jpg": np.frombuffer(b"".join(files), np.uint8),
        "jpg_off": np.cumsum([0, *map(len, files)]),
        "seq": np.array([0, 0, 0, 1, 1], np.uint8),
        "frame": np.array([2, 0, 1, 7, 5], np.uint16),
        "seq_names": np.array(["dog", "cow"]),
    }
    np.savez(path, **{**fields, **replaced})  # type: ignore[arg-type]
    return path


def test_packed_sequences_come_in_the_order_of_their_frames(tmp_path: Path) -> None:
    found = packed_sequences(packed(tmp_path / "sequences.npz"))
    assert found.clip_names == ("dog", "cow")
    assert [clip.frames[:, 0, 0, 0].tolist() for clip in map(found.clip, range(2))] == [[0, 10, 20], [100, 120]]
    assert found.clip(0).label == UNLABELLED
    assert len(packed_sequences(packed(tmp_path / "sequences.npz"), max_frames=2).clip(0)) == 2


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", points=np.zeros(3))
    with pytest.raises(InputError, match="seq_names"):
        packed_sequences(tmp_path / "other.npz")
    with pytest.raises(InputError, match="offsets"):
        packed_sequences(packed(tmp_path / "cut.npz", jpg_off=np.array([0, 5])))


def test_a_labelled_image_moves_the_same_way_however_many_are_taken() -> None:
    random = np.random.default_rng(0)
    files = []
    for _ in range(9):
        file = io.BytesIO()
        PIL.Image.fromarray(random.integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(file, "PNG")
        files.append(file.getvalue())
    images = LabelledImages("nine", tuple(files), np.arange(9) % 3, ("a", "b", "c"))
    few, many = moved_labelled(images, 3, 4, seed=1), moved_labelled(images, 0, 4, seed=1)
    assert few.clip_names == ("nine 0", "nine 4", "nine 8")
    assert few.class_names == ("a", "b", "c")
    assert len(many) == 9
    for place, index in enumerate((0, 4, 8)):
        one, same = few.clip(place), many.clip(index)
        assert np.array_equal(one.frames, same.frames)
        assert one.label == same.label == index % 3
    assert few.clip(0).frames.shape == (4, 16, 16, 3)
    assert not np.array_equal(few.clip(0).frames[0], few.clip(0).frames[3])


def test_photographs_are_cut_to_size_and_move_otherwise_each_time(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        pixels = random.integers(0, 256, (50, 90, 3)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    found = moved_photographs(paths, 3, 2, (24, 32), "two photographs")
    assert found.clip_names == ("a 0", "b 0", "a 1")
    assert found.clip(0).frames.shape == (2, 24, 32, 3)
    assert not np.array_equal(found.clip(0).frames, found.clip(2).frames)


def test_packed_photographs_are_taken_evenly_and_move_as_files_do(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    files = []
    for index in range(5):
        path = tmp_path / f"{index}.png"
        PIL.Image.fromarray(random.integers(0, 256, (30, 40, 3)).astype(np.uint8)).save(path)
        files.append(path.read_bytes())
    packed = tmp_path / "packed.npz"
    np.savez(packed, jpg=np.frombuffer(b"".join(files), np.uint8), off=np.cumsum([0, *map(len, files)]))
    assert packed_photographs(packed, 3) == [files[0], files[2], files[4]]
    assert packed_photographs(packed, 9) == files
    found = moved_photographs(packed_photographs(packed, 2), 2, 3, (20, 20), "packed")
    assert found.clip_names == ("packed 0 0", "packed 1 0")
    same = moved_photographs([tmp_path / "0.png", tmp_path / "4.png"], 2, 3, (20, 20), "files")
    assert np.array_equal(found.clip(1).frames, same.clip(1).frames)


def test_video_files_are_made_no_wider_than_said(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 832, 480, "yuv420p"
        for value in (40, 90, 200):
            frame = av.VideoFrame.from_ndarray(np.full((480, 832, 3), value, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert find_videos(tmp_path) == [path]
    frames = read_video(path, 2)
    assert frames.shape == (2, 240, 416, 3)
    assert np.abs(frames[:, 0, 0, 0].astype(int) - (40, 90)).max() < 6
    assert video_files([path], 3).clip(0).frames.shape == (3, 240, 416, 3)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match="expected a video"):
        read_video(tmp_path / "text.mp4", 2)


def test_sets_are_joined_and_cut() -> None:
    def of(value: int) -> ClipSet:
        names = (f"{value} first", f"{value} second")
        return ClipSet("set", names, lambda i: Clip(names[i], np.full((1, 2, 2, 3), value, np.uint8)))

    joined = join_sets("both", (of(1), of(2)))
    assert [joined.clip(i).name for i in range(4)] == ["1 first", "1 second", "2 first", "2 second"]
    assert len(joined.take(3)) == 3
    assert len(joined.take(0)) == len(joined.take(9)) == 4


def test_no_frames_and_no_videos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="uint8"):
        Clip("empty", np.zeros((0, 4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="found none"):
        find_videos(tmp_path)
