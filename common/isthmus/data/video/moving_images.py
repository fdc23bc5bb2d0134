"""Clips made of one still image: a camera that moves over it, light that drifts, noise, and something passing by.

Theory of operation. Of frame k, output pixel p shows the image at

    centre + offset(k) + A(k) (p - centre),    A(k) = rotation(k) shear(k) / zoom(k),

one cubic interpolation of the source for each frame (never of another frame, so nothing blurs as the clip goes on),
reflected beyond the border. Each of offset, log zoom, rotation, shear and brightness runs as

    reach * sin(rate * k / reach + phase):

smooth, never faster than `rate`, never farther than `reach` from where it is centred, so that what the label names
stays in view for as long as one likes. With a reach of infinity it is `rate * k`, a camera that goes straight on.
Phases, noise and the occluder come from the seed. Brightness multiplies, noise is added, and one rounding ends it.

Needs OpenCV (extra `video`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.video.libraries import import_cv2

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

# How far each may go from its centre: shares of the shorter side, log zoom, degrees, degrees, share of brightness.
PAN_REACH, ZOOM_REACH, ROTATION_REACH, SHEAR_REACH, BRIGHTNESS_REACH = 0.12, 0.15, 10.0, 6.0, 0.2

# Largest rates that `ClipMotion.random` draws, in the units of its fields.
MAX_PAN, MAX_ZOOM, MAX_ROTATION, MAX_SHEAR, MAX_BRIGHTNESS, MAX_NOISE = 0.02, 0.008, 1.0, 0.5, 0.01, 3.0
OCCLUDED_SHARE = 0.25  # of the clips drawn
OCCLUDER_SIDES = (0.15, 0.3)
OCCLUDER_SPEEDS = (0.03, 0.06)  # shares of the shorter side a frame
MAX_FRAMES = 100_000


@dataclass(frozen=True, slots=True)
class ClipMotion:
    """How a clip moves. Rates are a frame, and the largest that are reached.

    Attributes:
        pan: (down, right) of the camera, in shares of the image's shorter side.
        zoom: natural logarithm of the magnification.
        rotation: degrees.
        shear: degrees.
        brightness: share of the image's brightness.
        noise: standard deviation of what a sensor adds to each sample of each frame, in levels of 255.
        occluder: side of a square that passes through the view, as a share of the shorter side; 0 for none.
        reach: how far all five go, in multiples of `PAN_REACH`, `ZOOM_REACH` and so on; infinity for straight on.

    Raises:
        InputError: a value that is not finite (but `reach`), a negative noise, occluder or reach.
    """

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 0.0
    rotation: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0
    occluder: float = 0.0
    reach: float = 1.0

    def __post_init__(self) -> None:
        values = (*self.pan, *(getattr(self, f.name) for f in fields(self) if f.name not in ("pan", "reach")))
        if len(self.pan) != 2 or not all(math.isfinite(value) for value in values):
            raise InputError(f"clip motion: expected finite rates, got {self}")
        if self.noise < 0 or not 0 <= self.occluder <= 1 or not self.reach > 0:
            raise InputError(f"clip motion: expected noise >= 0, occluder 0 to 1 and reach > 0, got {self}")

    @classmethod
    def random(cls, seed: int) -> ClipMotion:
        """A motion of everything at once.

        Pan in any direction at 0 to 0.02 of the shorter side a frame, zoom of ±0.008, rotation of ±1°, shear of ±0.5°,
        brightness of ±0.01, noise of 0 to 3 levels, all uniform; in every fourth clip an occluder of 0.15 to 0.3.
        """
        random = np.random.default_rng((seed, 0))
        speed, heading = random.uniform(0, MAX_PAN), random.uniform(0, 2 * math.pi)
        zoom, rotation, shear, brightness = random.uniform(-1, 1, 4)
        noise, draw, side = random.uniform(0, MAX_NOISE), random.uniform(), random.uniform(*OCCLUDER_SIDES)
        return cls(
            pan=(float(speed * math.sin(heading)), float(speed * math.cos(heading))),
            zoom=float(zoom * MAX_ZOOM),
            rotation=float(rotation * MAX_ROTATION),
            shear=float(shear * MAX_SHEAR),
            brightness=float(brightness * MAX_BRIGHTNESS),
            noise=float(noise),
            occluder=float(side) if draw < OCCLUDED_SHARE else 0.0,
        )

    def scaled(self, factor: float) -> ClipMotion:
        """The same path `factor` times as fast; brightness, noise and occluder stay."""
        down, right = self.pan
        return replace(
            self,
            pan=(factor * down, factor * right),
            zoom=factor * self.zoom,
            rotation=factor * self.rotation,
            shear=factor * self.shear,
        )


def moving_clip(image: UInt8, motion: ClipMotion, frames: int, seed: int) -> UInt8:
    """A clip of a moving camera over an image.

    Args:
        image: uint8 ``[height, width, 3]``, sRGB.
        motion: what moves, and how fast.
        frames: of the clip, 1 or more.
        seed: of phases, noise and occluder; the same seed gives the same clip.

    Returns:
        uint8 ``[frames, height, width, 3]``.

    Raises:
        InputError: not such an image, or no frames.
        MissingDependencyError: without OpenCV.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(f"moving clip: expected uint8 [height, width, 3], got {image.dtype} {list(image.shape)}")
    if not 1 <= frames <= MAX_FRAMES:
        raise InputError(f"moving clip: expected 1 to {MAX_FRAMES} frames, got {frames}")
    cv2 = import_cv2()
    height, width = image.shape[:2]
    maps = camera_path(motion, frames, height, width, seed)
    gains = 1 + _swing(motion.brightness, BRIGHTNESS_REACH * motion.reach, frames, _phases(seed)[5])
    passing = _Occluder(motion.occluder, height, width, seed) if motion.occluder else None
    random = np.random.default_rng((seed, 2))
    source = image.astype(np.float32)
    clip = np.empty((frames, height, width, 3), np.uint8)
    for k in range(frames):
        frame: npt.NDArray[np.float32] = cv2.warpAffine(
            source,
            maps[k],
            (width, height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        if passing is not None:
            passing.draw(frame, k)
        frame *= np.float32(gains[k])
        if motion.noise:
            frame += random.standard_normal(frame.shape, np.float32) * np.float32(motion.noise)
        clip[k] = np.clip(np.rint(frame), 0, 255)
    return clip


def camera_path(motion: ClipMotion, frames: int, height: int, width: int, seed: int) -> Float64:
    """Where each frame's pixels lie in the image.

    Returns:
        float64 ``[frames, 2, 3]``: (x, y) in the image = map @ (x, y, 1) in the frame; pixel centres are at
        whole numbers.
    """
    side, far = min(height, width), motion.reach
    phases = _phases(seed)
    down, right = (
        side * _swing(rate, PAN_REACH * far, frames, phase) for rate, phase in zip(motion.pan, phases[:2], strict=True)
    )
    zoom = np.exp(_swing(motion.zoom, ZOOM_REACH * far, frames, phases[2]))
    angle = np.radians(_swing(motion.rotation, ROTATION_REACH * far, frames, phases[3]))
    slant = np.tan(np.radians(_swing(motion.shear, SHEAR_REACH * far, frames, phases[4])))
    # rotation @ [[1, slant], [0, 1]] / zoom, on (x, y)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    linear = np.stack([cos, cos * slant - sin, sin, sin * slant + cos], axis=1).reshape(-1, 2, 2)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre + np.stack([right, down], axis=1) - linear @ centre
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def _phases(seed: int) -> Float64:
    """Of pan down, pan right, zoom, rotation, shear and brightness."""
    return np.random.default_rng((seed, 1)).uniform(-math.pi, math.pi, 6)


def _swing(rate: float, reach: float, frames: int, phase: float) -> Float64:
    """`rate * k` where reach is infinite, else a swing of at most `reach` to both sides."""
    steps = np.arange(frames, dtype=np.float64)
    if rate == 0 or math.isinf(reach):
        return rate * steps
    swing: Float64 = reach * np.sin(rate / reach * steps + phase)
    return swing


class _Occluder:
    """A softly textured square that crosses the view on a straight line, and then again."""

    def __init__(self, side: float, height: int, width: int, seed: int) -> None:
        cv2 = import_cv2()
        random = np.random.default_rng((seed, 3))
        shorter = min(height, width)
        self._side = max(1, round(side * shorter))
        coarse = (random.uniform(30, 225, 3) + random.uniform(-40, 40, (4, 4, 3))).astype(np.float32)
        texture = cv2.resize(coarse, (self._side, self._side), interpolation=cv2.INTER_CUBIC)
        # A border of nothing, so that the edge of the square is interpolated as well.
        self._patch = np.pad(np.clip(texture, 0, 255), ((1, 1), (1, 1), (0, 0)), mode="edge")
        self._alpha = np.pad(np.ones((self._side, self._side), np.float32), 1)
        self._speed = random.uniform(*OCCLUDER_SPEEDS) * shorter
        self._start = random.uniform()
        self._row = random.uniform(0, max(0, height - self._side))
        self._is_reversed = bool(random.uniform() < 0.5)

    def draw(self, frame: npt.NDArray[np.float32], index: int) -> None:
        """Put it into frame `index`, float32 ``[height, width, 3]``, in place."""
        cv2 = import_cv2()
        height, width = frame.shape[:2]
        way = width + self._side
        along = (self._start * way + self._speed * index) % way
        column = width - along if self._is_reversed else along - self._side
        move = np.array([[1, 0, column - 1], [0, 1, self._row - 1]])
        alpha = cv2.warpAffine(self._alpha, move, (width, height), flags=cv2.INTER_LINEAR)[:, :, None]
        patch = cv2.warpAffine(
            self._patch, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        frame += alpha * (patch - frame)
