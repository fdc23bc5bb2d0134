"""Which of the usual conventions a network's training followed with its pixels, found by what it answers.

A network that is fed pixels of another range than it was trained on gives wrong answers, and no error. Nothing in the
graph says which range that was, so each convention is tried on images, seen as they are and in changed views: mirrored,
a little larger, a little aside. Fed as it was trained, a network tells images apart, says the same of all views, and is
as sure as it is steady. All three are in one number, a lower bound of what its answer to one view tells of that to
another (Barber and Agakov, 2003):

    score = H(answers) - mean of -log p(answer to one view | another view)        in nats, at most log images

A confidence alone would not do: pixels 255 times too large make nearly every network sure, of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isthmus.split.graphs import batch_of, open_model
from isthmus.split.network import Network
from isthmus.split.preprocessing import Preprocessing

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
Run = Callable[[Float32], Float32]

FIRST_IMAGES, MOST_IMAGES = 8, 32
"""All conventions are tried on the first, the best few on all."""
FINALISTS = 3
ZOOM, ASIDE = 0.92, 0.03
LEAST_LEAD, LEAST_SHARE = 0.3, 0.6
"""Nats by which a convention leads, and share of what its answers tell that views keep, or it is doubtful."""
SAME_PERCENT = 90.0
"""Two conventions whose answers agree in so many images are as good as one."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)
GREY = (127.5, 127.5, 127.5)


@dataclass(frozen=True, slots=True)
class Convention:
    """One usual way to treat pixels, and its name."""

    name: str
    preprocessing: Preprocessing


CONVENTIONS = (
    Convention("ImageNet's mean and deviation", Preprocessing(IMAGENET_MEAN, IMAGENET_STD, "rgb", 1)),
    Convention("0 to 1", Preprocessing(top=1)),
    Convention("-1 to 1", Preprocessing(GREY, GREY)),
    Convention("0 to 255", Preprocessing()),
    Convention("Caffe's mean, BGR", Preprocessing(CAFFE_MEAN, order="bgr")),
    Convention("Caffe's mean, RGB", Preprocessing(CAFFE_MEAN[::-1])),
    Convention("0 to 1, BGR", Preprocessing(order="bgr", top=1)),
    Convention("-1 to 1, BGR", Preprocessing(GREY, GREY, "bgr")),
    Convention("0 to 255, BGR", Preprocessing(order="bgr")),
    Convention("ImageNet's mean and deviation, BGR", Preprocessing(IMAGENET_MEAN[::-1], IMAGENET_STD[::-1], "bgr", 1)),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The convention that was chosen.

    Attributes:
        convention: it.
        images: on so many.
        doubt: why it may be wrong; "" where nothing speaks against it.
    """

    convention: Convention
    images: int
    doubt: str


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a network answered under a convention.

    Attributes:
        convention: it.
        answers: int64 [images], to the images as they are.
        score: nats, see the module.
    """

    convention: Convention
    answers: npt.NDArray[np.int64]
    score: float


def choose_convention(sized: Network, frames: Sequence[UInt8]) -> Choice:
    """The convention under which a network of one size answers best.

    Args:
        sized: the network, of logits.
        frames: uint8 [height, width, 3] of its size; the first `MOST_IMAGES` are looked at.
    """
    run = open_model(sized.model)
    views = [views_of(frame) for frame in frames[:MOST_IMAGES]]
    first = sorted((_trial(run, c, views[:FIRST_IMAGES]) for c in CONVENTIONS), key=lambda t: -t.score)
    finalists = [t.convention for t in first[:FINALISTS]]
    ranked = sorted((_trial(run, c, views) for c in finalists), key=lambda t: -t.score)
    return Choice(ranked[0].convention, len(views), doubt_about(ranked, len(views)))


def doubt_about(ranked: Sequence[Trial], images: int) -> str:
    """Why the first of some trials, best first, may not be the right one; "" if nothing says so."""
    best = ranked[0]
    told = entropy_of(best.answers)
    if told <= 0 or best.score < LEAST_SHARE * told:
        return (
            f"under none of the {len(CONVENTIONS)} usual conventions are its answers to {images} images both sure and "
            "steady"
        )
    for other in ranked[1:]:
        differ = int((other.answers != best.answers).sum())
        if best.score - other.score < LEAST_LEAD and 100 * differ > (100 - SAME_PERCENT) * images:
            return f"{other.convention.name} does about as well, and gives other answers to {differ} of {images} images"
    return ""


def views_of(frame: UInt8) -> tuple[UInt8, ...]:
    """A frame uint8 [height, width, 3] as it is, mirrored, a little larger, a little aside."""
    height, width = frame.shape[:2]
    top, left = round(height * (1 - ZOOM) / 2), round(width * (1 - ZOOM) / 2)
    inner = np.ascontiguousarray(frame[top : height - top, left : width - left])
    larger = np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    aside = np.roll(frame, (round(ASIDE * height), -round(ASIDE * width)), (0, 1))
    return frame, frame[:, ::-1], larger, aside


def score_of(logits: Float64) -> float:
    """Nats that answers to one view tell of another, from logits float64 [images, views, classes], as it is first."""
    logits = logits - logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    answers = logits.argmax(-1)
    image = np.arange(len(answers))
    lost = [
        -(log_p[image, view, answers[:, 0]] + log_p[image, 0, answers[:, view]]).mean() / 2
        for view in range(1, logits.shape[1])
    ]
    return entropy_of(answers[:, 0]) - float(np.mean(lost))


def entropy_of(answers: npt.NDArray[np.int64]) -> float:
    """Nats that answers [images] tell."""
    counts = np.bincount(answers)
    shares = counts[counts > 0] / len(answers)
    return float(-(shares * np.log(shares)).sum())


def _trial(run: Run, convention: Convention, views: Sequence[tuple[UInt8, ...]]) -> Trial:
    rows = [[prepared(view, convention.preprocessing) for view in seen] for seen in views]
    logits = np.array([[run(x).ravel() for x in row] for row in rows], np.float64)
    score = score_of(logits) if np.isfinite(logits).all() else -np.inf
    return Trial(convention, logits[:, 0].argmax(-1), score)


def prepared(frame: UInt8, preprocessing: Preprocessing) -> Float32:
    """A frame uint8 [H, W, 3] as the network is given it, float32 [1, 3, H, W]."""
    x = batch_of(frame)
    x = x[:, ::-1] if preprocessing.order == "bgr" else x
    made: Float32 = np.ascontiguousarray(
        x * preprocessing.gain.reshape(1, -1, 1, 1) + preprocessing.shift.reshape(1, -1, 1, 1), np.float32
    )
    return made
