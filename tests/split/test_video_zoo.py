"""The project's own video codecs: both rounds of training, and the folders they become, tiny."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.image.labelled import LabelledImages
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.models.video.classifier import SplitShape
from isthmus.split import video_zoo
from isthmus.split.codec_folder import SPLIT_FILE
from isthmus.split.pictures import Pictures
from isthmus.training.image.photos import Photos

pytest.importorskip("cv2", reason="motion needs OpenCV, of the extra `video`")


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    import io

    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.slow
def test_two_rounds_become_codecs_of_every_quality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    photos = tuple(
        np.array(
            PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
                (128, 128), PIL.Image.Resampling.BICUBIC
            )
        )
        for _ in range(6)
    )
    images = LabelledImages("made", tuple(png(p[:64, :64]) for p in photos), np.array([0, 1] * 3), ("cat", "dog"))
    small = SplitShape(2, 4, (4, 6, 6, 6), (6, 8), 1)
    monkeypatch.setattr(video_zoo, "SplitShape", lambda classes: replace(small, classes=classes))
    monkeypatch.setattr(video_zoo, "FIRST_ROUND", replace(video_zoo.FIRST_ROUND, epochs=1, batch=3))
    monkeypatch.setattr(video_zoo, "SECOND_ROUND", replace(video_zoo.SECOND_ROUND, epochs=1, batch=3, photos=2))
    checkpoint = video_zoo.train_rounds(images, images, Photos("made", photos), tmp_path, seed=0)
    assert (tmp_path / video_zoo.FIRST_FILE).exists()
    zoo = tmp_path / "zoo"
    pictures = Pictures("made", "0" * 64, photos)
    provenance = {"command": "isthmus train video", "data": "made"}
    written = video_zoo.write_video_codecs(checkpoint, zoo, pictures, images.class_names, EDGE_ENCODER, provenance)
    assert [path.name for path in written] == [f"video-tiny-q{q}" for q in sorted(video_zoo.STEPS)]
    largest = []
    for path in written:
        manifest = load_codec_folder(path, kind=VideoManifest).manifest
        assert manifest.class_names == ("cat", "dog")
        assert (manifest.stride, manifest.frame_height) == (8, 0)
        history = json.loads((path / SPLIT_FILE).read_text())
        assert history["training"]["data"] == "made"
        assert len(history["training"]["history"]) == 1
        y = VideoEncoder(path).latents(VideoFrame(Image(photos[0]), 0))
        assert y.shape == (4, 16, 16)
        largest.append(np.abs(y).sum())
    assert largest == sorted(largest)  # finer steps, larger symbols
    # What is there stays.
    assert video_zoo.write_video_codecs(checkpoint, zoo, pictures, images.class_names, EDGE_ENCODER, provenance) == []


def test_wrong_files_end_in_one_line(tmp_path: Path) -> None:
    words = ["train", "video", "--data", str(tmp_path / "none.npz"), "--photos", str(tmp_path / "photos.npz")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {tmp_path / 'none.npz'}: expected packed labelled images with a train split")
    assert done.stderr.count("\n") == 1
