"""Motion between two frames, found in pixels and said in latents.

Theory of operation. Both frames are averaged down to a small `canvas`. Dense inverse search (OpenCV's DIS, a patch
matcher with gradient descent) gives a vector for each cell, to about a tenth of a pixel; or the video carries vectors,
and no search is made. The median over a block is its proposal, rounded to the steps that the codec codes.

Then a few candidates of each block compete by what they leave and what they cost, J = mean |current - warped reference|
+ lambda * bits: the one proposed, no motion, the frame's commonest motion, and what the coder would predict from the
neighbours, which is nearly free. Bits are those of a simple law, good enough to choose by; the coder counts its own.

`vector` of a block: the latents at p are predicted from the reference at p + vector * 2^-f (f: the manifest's
`motion_fraction_bits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField, block_grid, predicted_vectors
from isthmus.data.video.codec_vectors import CELL_PIXELS, CodecVectors
from isthmus.data.video.libraries import import_cv2
from isthmus.edge.video.canvas import CanvasShape, block_means

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

MIN_SIDE_CELLS = 12
"""Canvases with a shorter side hold too little to search; their motion is taken to be none."""

DEFAULT_LAMBDA = 0.2
"""Grey levels of mean error that a bit of motion must save."""

MAX_SIDE_CELLS = 4_000
"""Canvases with a longer side are more than OpenCV moves; they come of frames that are no pictures."""

PASSES = 2
"""How often half of the blocks choose anew, as the prediction from neighbours changes with their choice."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What a search found.

    Attributes:
        field: the vectors; all blocks are predicted.
        warped: uint8 [rows, columns], the reference's canvas moved by them.
    """

    field: MotionField
    warped: UInt8


class MotionSearch:
    """Searches for one codec. Holds OpenCV's buffers: not to be used by two threads at once.

    Args:
        manifest: of the codec.
        motion_lambda: grey levels of mean error that a bit of motion must save.

    Raises:
        MissingDependencyError: OpenCV is not installed.
    """

    def __init__(self, manifest: VideoManifest, motion_lambda: float = DEFAULT_LAMBDA) -> None:
        self._cv2 = import_cv2()
        self._manifest = manifest
        self._lambda = motion_lambda
        self._flow = self._cv2.DISOpticalFlow_create(self._cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(0)

    def shape(self, height: int, width: int) -> CanvasShape:
        """The canvas of frames of so many pixels."""
        if self._manifest.frame_height:
            height, width = self._manifest.frame_height, self._manifest.frame_width
        _, rows, columns = self._manifest.latent_shape(height, width)
        side = self._manifest.block_latents
        return CanvasShape.of(*block_grid(rows, columns, side), side * self._manifest.stride, side)

    def canvas_of(self, pixels: UInt8) -> UInt8:
        """The canvas of a frame's pixels, uint8 [height, width, 3]."""
        cv2 = self._cv2
        luma = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        size = (self._manifest.frame_width, self._manifest.frame_height)
        if size[0] and luma.shape[::-1] != size:
            luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        return self.canvas(luma)

    def canvas(self, luma: UInt8) -> UInt8:
        """Luma uint8 [height, width] as the network sees the frame, averaged to cells: uint8 [rows, columns]."""
        height, width = luma.shape
        shape = self.shape(height, width)
        full_height, full_width = shape.block_rows * shape.block_pixels, shape.block_columns * shape.block_pixels
        down, right = full_height - height, full_width - width
        if down > 0 or right > 0:
            luma = self._cv2.copyMakeBorder(luma, 0, max(down, 0), 0, max(right, 0), self._cv2.BORDER_REPLICATE)
        luma = luma[:full_height, :full_width]
        if shape.block_cells == shape.block_pixels:
            return np.ascontiguousarray(luma)
        made: UInt8 = self._cv2.resize(luma, (shape.columns, shape.rows), interpolation=self._cv2.INTER_AREA)
        return made

    def estimate(self, current_luma: UInt8, reference_luma: UInt8) -> MotionField:
        """The motion between two frames of one size, uint8 [height, width] each.

        Raises:
            InputError: their sizes differ.
        """
        if current_luma.shape != reference_luma.shape:
            raise InputError(f"motion: expected frames of one size, got {reference_luma.shape}, {current_luma.shape}")
        shape = self.shape(*current_luma.shape)
        return self.search(self.canvas(current_luma), self.canvas(reference_luma), shape).field

    def search(
        self, current: UInt8, reference: UInt8, shape: CanvasShape, vectors: CodecVectors | None = None
    ) -> Motion:
        """The motion between two canvases.

        Args:
            current, reference: uint8 [rows, columns], of `shape`.
            shape: of both.
            vectors: the video's own, from the reference to the current frame, to take instead of a search; or None.
        """
        cells = self._found(current, reference, shape) if vectors is None else self._carried(vectors, shape)
        proposed = self._quantised(cells, shape)
        if not proposed.any():
            return Motion(_field(proposed, is_smooth=False), reference)
        chosen = self._choose(current, reference, shape, proposed)
        blocky = self.warp(reference, chosen, shape, is_smooth=False)
        if _is_uniform(chosen):
            return Motion(_field(chosen, is_smooth=False), blocky)
        smooth = self.warp(reference, chosen, shape, is_smooth=True)
        norm, l1 = self._cv2.norm, self._cv2.NORM_L1
        is_smooth = norm(current, smooth, l1) < norm(current, blocky, l1)
        return Motion(_field(chosen, is_smooth=is_smooth), smooth if is_smooth else blocky)

    def warp(self, canvas: UInt8, vectors: Int32, shape: CanvasShape, *, is_smooth: bool) -> UInt8:
        """A canvas moved as a field of vectors, int32 [block rows, block columns, 2], moves the latents."""
        if not vectors.any():
            return canvas
        # Resizing puts the vectors at the blocks' centres and repeats them beyond the outer ones, as the codec.
        way = self._cv2.INTER_LINEAR if is_smooth else self._cv2.INTER_NEAREST
        return self._moved(canvas, vectors[None], shape, way, self._cv2.INTER_CUBIC)

    def _moved(self, canvas: UInt8, fields: Int32, shape: CanvasShape, way: int, taps: int) -> UInt8:
        """A canvas moved by each of K fields, int32 [K, block rows, block columns, 2]: uint8 [K * rows, columns]."""
        count = len(fields)
        cells = fields[..., ::-1].astype(np.float32) * np.float32(1 / self._steps_per_cell(shape))
        stacked = cells.reshape(count * shape.block_rows, shape.block_columns, 2)
        at = self._cv2.resize(stacked, (shape.columns, count * shape.rows), interpolation=way)
        at += _positions(shape.rows, shape.columns, count)
        moved = self._cv2.remap(canvas, at, None, taps, borderMode=self._cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.uint8)

    def _steps_per_cell(self, shape: CanvasShape) -> float:
        """Steps of a coded vector along one cell."""
        return float((self._manifest.block_latents << self._manifest.motion_fraction_bits) / shape.block_cells)

    def _found(self, current: UInt8, reference: UInt8, shape: CanvasShape) -> Float32:
        """The search's vector of each block in cells, float32 [block rows, block columns, 2], (down, right)."""
        if min(current.shape) < MIN_SIDE_CELLS or max(current.shape) > MAX_SIDE_CELLS:
            return np.zeros((shape.block_rows, shape.block_columns, 2), np.float32)
        flow = self._flow.calc(current, reference, None)
        return _medians(flow[..., ::-1], shape)

    def _carried(self, vectors: CodecVectors, shape: CanvasShape) -> Float32:
        """The video's own vector of each block in cells; where most of a block has none, none."""
        grid, _ = vectors.grid()
        manifest = self._manifest
        height, width = manifest.frame_height or vectors.height, manifest.frame_width or vectors.width
        # Positions and lengths scale alike where the network sees the frame in another size.
        scale = np.array((height / vectors.height, width / vectors.width), np.float32)
        cell_pixels = shape.block_pixels / shape.block_cells
        rows, columns = (
            np.minimum(((np.arange(count) + 0.5) * cell_pixels / ratio / CELL_PIXELS).astype(np.int64), most - 1)
            for count, ratio, most in zip((shape.rows, shape.columns), scale, grid.shape, strict=False)
        )
        return _medians(grid[rows[:, None], columns] * (scale / cell_pixels), shape)

    def _quantised(self, cells: Float32, shape: CanvasShape) -> Int32:
        steps = np.rint(cells * self._steps_per_cell(shape))
        # Further than the whole frame is nowhere.
        most = max(shape.block_rows, shape.block_columns) * self._manifest.block_latents
        bound = most << self._manifest.motion_fraction_bits
        bounded: Int32 = np.clip(steps, -bound, bound).astype(np.int32)
        return bounded

    def _choose(self, current: UInt8, reference: UInt8, shape: CanvasShape, proposed: Int32) -> Int32:
        """The best of the candidates for each block, int32 [block rows, block columns, 2]."""
        common = np.empty_like(proposed)
        common[:] = np.partition(proposed.reshape(-1, 2), proposed.size // 4, 0)[proposed.size // 4]
        fixed = np.stack((proposed, np.zeros_like(proposed), common))
        errors = self._errors(current, reference, shape, fixed)
        costs = errors.sum((1, 2)) + self._lambda * _own_bits(fixed)
        start = int(costs.argmin())
        chosen, error, cost = fixed[start], errors[start], costs[start]
        if _is_uniform(chosen):
            return np.asarray(chosen, np.int32)
        rows, columns = np.indices(chosen.shape[:2])
        for turn in range(PASSES):
            # Every other block, as those between them stay: what one chooses, its neighbour's bits depend on.
            predicted = predicted_vectors(chosen)
            fields = np.concatenate((chosen[None], fixed, predicted[None]))
            left = np.concatenate((error[None], errors, self._errors(current, reference, shape, predicted[None])))
            best = (left + self._lambda * _bits(fields - predicted)).argmin(0)
            best[(rows + columns) % 2 != turn % 2] = 0
            tried, tried_error = fields[best, rows, columns], left[best, rows, columns]
            tried_cost = tried_error.sum() + self._lambda * _own_bits(tried[None])[0]
            if tried_cost < cost:
                chosen, error, cost = tried, tried_error, tried_cost
        return np.asarray(chosen, np.int32)

    def _errors(self, current: UInt8, reference: UInt8, shape: CanvasShape, fields: Int32) -> Float32:
        """Mean absolute error of each block under each of K fields, float32 [K, block rows, block columns]."""
        cv2, count = self._cv2, len(fields)
        moved = self._moved(reference, fields, shape, cv2.INTER_NEAREST, cv2.INTER_LINEAR)
        left = cv2.absdiff(moved, cv2.repeat(current, count, 1))
        return block_means(left, count * shape.block_rows, shape.block_columns).reshape(fields.shape[:3])


def _field(vectors: Int32, *, is_smooth: bool) -> MotionField:
    return MotionField(np.zeros(vectors.shape[:2], np.int32), vectors, is_smooth)


def _medians(flow: Float32, shape: CanvasShape) -> Float32:
    """Component-wise median over each block of [rows, columns, 2]."""
    side = shape.block_cells
    step = max(1, side // 8)  # neighbours say much the same, and 64 of them are enough
    blocks = flow.reshape(shape.block_rows, side, shape.block_columns, side, 2)[
        :, step // 2 :: step, :, step // 2 :: step
    ]
    gathered = blocks.transpose(0, 2, 4, 1, 3).reshape(shape.block_rows, shape.block_columns, 2, -1)
    middle = gathered.shape[-1] // 2
    medians: Float32 = np.ascontiguousarray(np.partition(gathered, middle, -1)[..., middle])
    return medians


def _bits(differences: Int32) -> Float32:
    """About how many bits a vector's difference takes: [..., 2] to [...]."""
    bits: Float32 = _BITS[np.minimum(np.abs(differences), len(_BITS) - 1)].sum(-1)
    return bits


_BITS = np.concatenate(([0.3], 3 + 2 * np.log2(np.arange(1, 1024)))).astype(np.float32)


def _own_bits(fields: Int32) -> Float32:
    """About how many bits each of K fields takes, float32 [K]."""
    predicted = predicted_vectors(fields.transpose(1, 2, 0, 3)).transpose(2, 0, 1, 3)
    total: Float32 = _bits(fields - predicted).sum((1, 2))
    return total


def _is_uniform(vectors: Int32) -> bool:
    return bool((vectors == vectors[0, 0]).all())


@lru_cache(maxsize=32)
def _positions(rows: int, columns: int, count: int) -> Float32:
    """Column and row of every cell, float32 [count * rows, columns, 2]."""
    at = np.empty((count, rows, columns, 2), np.float32)
    at[..., 0], at[..., 1] = np.arange(columns), np.arange(rows)[:, None]
    return at.reshape(count * rows, columns, 2)
