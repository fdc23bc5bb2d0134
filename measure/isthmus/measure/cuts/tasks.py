"""Cuts at several tensors of networks of other tasks than labels: how far they agree with the whole network.

A U-Net, a detector with a feature pyramid and an embedding are trained for minutes on scenes of drawn shapes, exported,
cut at three tensors, calibrated on scenes without labels, and asked about others: every step of key frames, and clips
with motion. What the whole network answers is taken for the truth; beside it stands how good the whole network is by
the shapes that were drawn. The whole network is also asked about the scenes as JPEG files, at the bits of those.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.cloud.half import Bench
from isthmus.cloud.video.codec import VideoCodec
from isthmus.common import protocol
from isthmus.common.answers.boxes import Box, Boxes
from isthmus.common.errors import InputError
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.task import Asked
from isthmus.common.video.signal import VIDEO
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.data.image.shape_scenes import HEIGHT, SHAPE_NAMES, WIDTH, Scene, draw_scenes
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.agreement import OVERLAPS, mean_average_precision, mean_cosine, mean_overlap
from isthmus.measure.cuts.task_options import TaskSettings
from isthmus.measure.cuts.task_rows import SEED, TEST_SEED, Point, TaskRow
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.measure.track import Track
from isthmus.split.codec_folder import SplitOptions
from isthmus.split.cuts import Cut
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.split.plane_writer import write_plane_codec
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import all_cuts

UInt8 = npt.NDArray[np.uint8]
OFFSETS = (-16, -8, 0, 8, 16)
"""Of the steps of key frames, from the codec's own, eight to an octave."""
JPEG_QUALITIES = (90, 75, 50, 30, 15)
CLIP_FRAMES = 12
PIXELS = Preprocessing(top=1)


@dataclass(frozen=True, slots=True)
class Judge:
    """How answers of a task are read and judged.

    Attributes:
        judge: figures of answers, given those that are the truth.
        truth: of scenes, as answers; None where nothing was drawn for it.
    """

    judge: Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]
    truth: Callable[[Scene], Any] | None


def measure_tasks(settings: TaskSettings, track: Track) -> tuple[TaskRow, ...]:
    """Train, cut and measure all three."""
    from isthmus.measure.cuts.networks import exported_as_it_is
    from isthmus.models.shapes.networks import PyramidEmbedding
    from isthmus.training.studies.shapes import ShapeEffort, train_detector, train_unet

    effort = ShapeEffort(settings.detector_steps, settings.unet_steps, settings.scenes)
    detector = train_detector(effort, SEED)
    models = (
        ("U-Net", "segment", train_unet(effort, SEED), "mask"),
        ("detector with a pyramid", "detect", detector, "output0"),
        ("embedding of a pyramid", "embed", PyramidEmbedding(detector).eval(), "embedding"),
    )
    calibration = Pictures("drawn shapes", "", tuple(s.pixels for s in draw_scenes(settings.calibration, SEED + 1)))
    scenes = draw_scenes(settings.tested, TEST_SEED)
    rows = []
    done = track("networks", len(models))
    for name, task, model, output in models:
        network = read_network(exported_as_it_is(model, (HEIGHT, WIDTH), (output,)), name.split()[0], task=task)
        rows.append(measure_network(name, network, calibration, scenes, settings))
        done(1)
    return tuple(rows)


def measure_network(
    name: str, network: Network, calibration: Pictures, scenes: Sequence[Scene], settings: TaskSettings
) -> TaskRow:
    """One network, cut at three tensors."""
    cut, judge = chosen_cut(network), JUDGES[network.task]
    classes = () if network.task == "embed" else SHAPE_NAMES if network.task == "detect" else ("ground", *SHAPE_NAMES)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "video-task"
        options = SplitOptions(cut.tensor, preprocessing=PIXELS, class_names=classes, seed=SEED)
        write_plane_codec(network, calibration, options, folder, EDGE_ENCODER)
        whole = Whole(folder, network)
        pixels = [scene.pixels for scene in scenes]
        truth = [whole.answer(frame) for frame in pixels]
        quality = judge.judge([judge.truth(scene) for scene in scenes], truth) if judge.truth else {}
        points = [Point("key frames", off, *_by_keys(folder, pixels, truth, judge, off)) for off in OFFSETS]
        points.append(Point("clips", 0, *_by_clips(folder, pixels[: settings.clips], whole, judge)))
        points += [Point("JPEG", q, *_by_jpeg(pixels, truth, whole, judge, q)) for q in JPEG_QUALITIES]
    strides = tuple(t.stride for t in cut.tensors)
    names = tuple(t.name for t in cut.tensors)
    return TaskRow(name, network.task, names, strides, cut.edge_macs, cut.cloud_macs, quality, tuple(points))


def chosen_cut(network: Network) -> Cut:
    """Of the cuts at three tensors the one with the fewest numbers."""
    able = [cut for cut in all_cuts(network) if len(cut.tensors) == 3]
    if not able:
        raise InputError(f"{network.name}: expected a cut at three tensors, got none")
    return min(able, key=lambda cut: cut.latents)


class Whole:
    """The network uncut, its outputs read as the codec's cloud reads those of its half."""

    def __init__(self, folder: Path, network: Network) -> None:
        from isthmus.split.box_forms import BoxRules
        from isthmus.split.endings import ending_of, whole_with
        from isthmus.split.plane_halves import open_ends

        self._task = network.task
        ending = ending_of(network, BoxRules())
        self._names = [name for name, _ in ending.outputs]
        self._run = open_ends(whole_with(network, ending, PIXELS))
        self._classes = VideoCodec(folder, Bench(VIDEO.allowance)).manifest.class_names

    def answer(self, frame: UInt8) -> Any:
        """To a frame uint8 [height, width, 3]."""
        from isthmus.cloud.video.answering import ANSWERING, Given
        from isthmus.common.tasks import TASKS

        outputs = self._run(np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32))
        task = next(t for t in TASKS.values() if t.asked_as == self._task)
        named = dict(zip(self._names, outputs, strict=True))
        given = Given(named, frame.shape[0], frame.shape[1], len(self._classes), 1)
        return task.read(ANSWERING[task.word].answer(given), asked_of(self._classes))


def asked_of(class_names: tuple[str, ...]) -> Asked:
    """What an answer of a codec of these classes is read by."""
    return Asked(protocol.OpenStream(protocol.CodecId("codec", bytes(32)), 1), 1, 1, class_names)


def _crossed(folder: Path, frames: Sequence[UInt8], policy: VideoPolicy, *, is_clip: bool) -> tuple[list[Any], int]:
    """(answers to frames, bits of all): one stream of a clip, or a stream each."""
    encoder, cloud = VideoEncoder(folder, policy), VideoCodec(folder, Bench(VIDEO.allowance))
    asked, decoder = asked_of(cloud.manifest.class_names), cloud.decoder()
    answers, bits = [], 0
    for index, frame in enumerate(frames):
        if not is_clip:
            encoder.force_key()
        coded = encoder.encode(VideoFrame(Image(frame), index))
        outcome, _ = cloud.infer(decoder, coded.packet.to_bytes(), 1)
        answers.append(cloud.manifest.task.read(outcome, asked))
        bits += coded.packet_bits
    return answers, bits


def _by_keys(
    folder: Path, pixels: Sequence[UInt8], truth: Sequence[Any], judge: Judge, off: int
) -> tuple[float, dict[str, float]]:
    answers, bits = _crossed(folder, pixels, VideoPolicy(mode="intra", step=DEFAULT_STEP + off), is_clip=False)
    return bits / len(pixels), judge.judge(truth, answers)


def _by_clips(folder: Path, pixels: Sequence[UInt8], whole: Whole, judge: Judge) -> tuple[float, dict[str, float]]:
    truth, answers, bits = [], [], 0
    for seed, frame in enumerate(pixels):
        clip = moving_clip(frame, ClipMotion.random(seed), CLIP_FRAMES, seed)
        got, spent = _crossed(folder, list(clip), VideoPolicy(), is_clip=True)
        truth += [whole.answer(shown) for shown in clip]
        answers += got
        bits += spent
    return bits / len(answers), judge.judge(truth, answers)


def _by_jpeg(
    pixels: Sequence[UInt8], truth: Sequence[Any], whole: Whole, judge: Judge, quality: int
) -> tuple[float, dict[str, float]]:
    answers, size = [], 0
    for frame in pixels:
        buffer = io.BytesIO()
        PIL.Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
        size += buffer.tell()
        answers.append(whole.answer(np.asarray(PIL.Image.open(buffer))))
    return 8 * size / len(pixels), judge.judge(truth, answers)


def _judge_boxes(truth: Sequence[Boxes], found: Sequence[Boxes]) -> dict[str, float]:
    return {
        "map50": mean_average_precision(truth, found, OVERLAPS[:1]),
        "map": mean_average_precision(truth, found),
    }


def _drawn_boxes(scene: Scene) -> Boxes:
    found = (
        Box(kind, 1.0, *(float(side) for side in sides)) for sides, kind in zip(scene.boxes, scene.classes, strict=True)
    )
    return Boxes(HEIGHT, WIDTH, tuple(found))


JUDGES = {
    "segment": Judge(
        lambda truth, found: {"miou": mean_overlap([m.classes for m in truth], [m.classes for m in found])},
        lambda scene: _Drawn(scene.mask.astype(np.uint16)),
    ),
    "detect": Judge(_judge_boxes, _drawn_boxes),
    "embed": Judge(
        lambda truth, found: {"cosine": mean_cosine([e.values for e in truth], [e.values for e in found])}, None
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """The mask that was drawn."""

    classes: npt.NDArray[np.uint16]
