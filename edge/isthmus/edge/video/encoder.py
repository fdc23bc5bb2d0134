"""From the frames of a video to packets: the edge half of a video codec, with the loop that the cloud will run.

Theory of operation. A key frame runs the edge's network and sends its latents. For any other frame motion is searched
in pixels, between the canvas that stands for what the cloud holds and the frame (`motion_search`), and a cheap proxy
says what damage is left when it is moved so (`isthmus.edge.video.damage`). If that is little, the motion alone is sent,
and the network does not run: this is where the edge saves its time. If it is more, the network runs, and each block is
told by its true error and by its bits whether it is predicted, takes a residual, or is sent anew. If it is too much, or
residuals would cost nearly what a key frame does, the frame becomes one. What is little and what is near, a judge says
(`isthmus.edge.video.judges`).

The encoder makes the very state that the cloud will hold, in integers (`isthmus.common.video.coder`). Its canvases are
a guess beside that, and decide only what is sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.folder import EDGE_HALF, CodecFolder, load_codec_folder
from isthmus.common.signals import VideoFrame
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.fine import fine_latents
from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.state import SERIALS, LatentState
from isthmus.common.video.step import DEFAULT_STEP, STEP_COUNT, UNIT_STEP
from isthmus.common.video.warp import FINE_BITS
from isthmus.data.video.codec_vectors import CodecVectors
from isthmus.data.video.source import SourceFrame
from isthmus.edge.video.damage import block_damage
from isthmus.edge.video.detail import FrameDetail, encoded
from isthmus.edge.video.judges import judge_of
from isthmus.edge.video.motion_search import MotionSearch
from isthmus.edge.video.policy import VideoPolicy, default_policy
from isthmus.edge.video.rate import within_bytes
from isthmus.runtime.engine import AUTO, End, open_half
from isthmus.runtime.frame_size import fitted

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """What the cloud holds of one frame, and the picture that it stands for."""

    state: LatentState
    canvas: UInt8
    damage: float


class VideoEncoder:
    """Edge half of one stream of video: it remembers what the cloud holds. Not to be used by two threads at once.

    Args:
        codec: the codec, or the path of its folder (only the files an encoder needs are read).
        policy: what is decided by; None for the codec's own (`default_policy`).
        threads: of the network. One is fastest where edge and cloud share a machine.
        engine: what runs the network (`isthmus.runtime.engine`).

    Raises:
        ManifestError: the folder is damaged or of another signal, or its graph does not fit the manifest.
        MissingDependencyError: OpenCV is not installed, where frames may be predicted.
    """

    def __init__(
        self,
        codec: CodecFolder[VideoManifest] | str | Path,
        policy: VideoPolicy | None = None,
        threads: int = 1,
        engine: str = AUTO,
    ) -> None:
        path = codec.path if isinstance(codec, CodecFolder) else Path(codec)
        folder = load_codec_folder(path, needed=(), kind=VideoManifest)
        self.manifest: VideoManifest = folder.manifest
        self.policy = policy or default_policy(folder.manifest)
        self._coder = VideoCoder(folder.manifest, open_tables(folder.read(ENTROPY_FILE), folder.manifest))
        if not self._coder.names_step and (self.policy.step != DEFAULT_STEP or self.policy.max_bytes):
            raise InputError(
                f"expected no quality and no bound of bytes, codec {self.manifest.name} has one step only; its "
                "qualities are codecs of their own, --codec NAME-q1 for example; `isthmus inspect` lists them"
            )
        # Of key frames alone no motion is searched, so OpenCV may be missing.
        self._search = None if self.policy.mode == "intra" else MotionSearch(folder.manifest, self.policy.motion_lambda)
        ends = End("frame", "float", 3), End("y", "float", folder.manifest.latent_channels)
        self._network = open_half(folder, EDGE_HALF, ends, threads, engine)
        self._serial = 0
        self._latest: _Held | None = None
        self._key: _Held | None = None
        self._since_key = self._since_look = 0
        self._last_index = -1
        self._size = (0, 0)
        self._is_forced = False
        self._judge = judge_of(self.policy)

    def force_key(self) -> None:
        """Make the next frame a key frame: the cloud has lost what it held, or was never given it."""
        self._is_forced = True
        self._judge.forgets()

    def encode(self, frame: VideoFrame) -> Coded[FrameDetail]:
        """The next frame of the stream.

        Raises:
            InputError: a frame that the codec cannot take; what is remembered stays as it was.
            ManifestError: the codec's network makes latents of another shape than its manifest says.
        """
        size = (frame.image.height, frame.image.width)
        cause = self._known_cause(size)
        coded = self._key_frame(frame, cause) if cause else self._frame(frame)
        self._serial = (self._serial + 1) % SERIALS
        self._since_key = 1 if coded.detail.is_key else self._since_key + 1
        self._since_look = 1 if coded.detail.network_runs else self._since_look + 1
        self._last_index, self._size = frame.index, size
        if coded.detail.is_key:
            self._is_forced = False
        return coded

    def latents(self, frame: VideoFrame) -> Int32:
        """Latents of a frame in whole units, int32 `[M, h, w]`: y, in a codec without tiles. Raises as `encode`."""
        return (self.fine_latents(frame) + UNIT_STEP // 2) >> FINE_BITS

    def fine_latents(self, frame: VideoFrame) -> Int32:
        """Latents of a frame in 1/16 of a unit, clipped to the codec's symbols, int32 `[M, h, w]`.

        Of a codec without tiles they are whole units already.
        """
        manifest = self.manifest
        pixels = fitted(manifest, frame.image.pixels)
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
        y: Float32 = self._network.run({"frame": planes[None]})[0][0]
        expected = manifest.latent_shape(frame.image.height, frame.image.width)
        if y.shape != expected:
            raise ManifestError(
                f"{manifest.name}: expected latents {list(expected)} of a frame of {frame.image.width} x "
                f"{frame.image.height} pixels, the network gave {list(y.shape)}"
            )
        if not np.isfinite(y).all():
            raise InputError("expected finite latents, the network gave others")
        return fine_latents(manifest, y)

    def _known_cause(self, size: tuple[int, int]) -> str:
        """Why this frame must be a key frame before anybody has looked at it; "" if nothing says so."""
        policy = self.policy
        if policy.mode == "intra":
            return "mode"
        if self._latest is None:
            return "first"
        if self._is_forced:
            return "forced"
        if size != self._size:
            return "size"
        return "interval" if self._since_key >= policy.key_interval else ""

    def _key_frame(self, frame: VideoFrame, cause: str) -> Coded[FrameDetail]:
        start_s = time.perf_counter()
        canvas = self._searching.canvas_of(frame.image.pixels) if self.policy.mode != "intra" else None
        seen_s = time.perf_counter()
        y = self.fine_latents(frame)
        analysed_s = time.perf_counter()
        return self._finish_key(y, self._key_of(y), canvas, cause, 0.0, (start_s, seen_s, analysed_s))

    def _key_of(self, y: Int32) -> CodedFrame:
        """The key frame of latents, at the policy's step or the finest that is small enough."""
        return within_bytes(
            lambda step: self._coder.encode_latents(y, self._serial, step),
            self._steps(self.policy.key_step),
            self.policy.max_bytes,
        )

    def _is_too_large(self, coded: CodedFrame) -> bool:
        return 0 < self.policy.max_bytes < coded.packet.size_bytes

    def _steps(self, wanted: int) -> range:
        """Those that a frame may take, the wanted one first."""
        return range(wanted, STEP_COUNT) if self._coder.names_step else range(1)

    def _finish_key(
        self,
        y: Int32,
        coded: CodedFrame,
        canvas: UInt8 | None,
        cause: str,
        damage: float,
        at_s: tuple[float, float, float],
    ) -> Coded[FrameDetail]:
        held = _Held(coded.state, canvas if canvas is not None else np.zeros((0, 0), np.uint8), 0.0)
        self._latest = self._key = held
        if self.policy.mode == "auto":
            self._judge.holds(y, coded, self._fine_step)
        return encoded(coded, cause, damage, at_s, network_runs=True)

    def _frame(self, frame: VideoFrame) -> Coded[FrameDetail]:
        """A frame that may be predicted."""
        start_s = time.perf_counter()
        policy = self.policy
        reference = self._latest if policy.reference == "latest" else self._key
        assert reference is not None  # else it would be a key frame
        assert self._latest is not None
        shape = self._searching.shape(frame.image.height, frame.image.width)
        canvas = self._searching.canvas_of(frame.image.pixels)
        motion = self._searching.search(canvas, reference.canvas, shape, self._vectors(frame))
        damages = block_damage(canvas, motion.warped, shape, self.manifest.block_latents)
        damage = float(damages.mean())
        seen_s = time.perf_counter()
        is_cut = damage - self._latest.damage > policy.cut_damage
        if is_cut or damage > policy.key_damage:
            y = self.fine_latents(frame)
            analysed_s = time.perf_counter()
            if is_cut:
                self._judge.forgets()
            return self._finish_key(
                y, self._key_of(y), canvas, "cut" if is_cut else "drift", damage, (start_s, seen_s, analysed_s)
            )
        may_look = policy.mode == "auto" and self._since_look >= policy.network_interval
        if may_look and self._judge.wants_network(damages, canvas, motion.warped, shape, self._fine_step):
            return self._corrected(frame, canvas, motion.field, reference.state, damage, (start_s, seen_s))
        coded = self._coder.encode_predicted(reference.state, motion.field, (), self._serial)
        if self._is_too_large(coded):
            y = self.fine_latents(frame)
            at_s = start_s, seen_s, time.perf_counter()
            return self._finish_key(y, self._key_of(y), canvas, "rate", damage, at_s)
        self._latest = _Held(coded.state, motion.warped, damage)
        return encoded(coded, "", damage, (start_s, seen_s, seen_s), network_runs=False)

    def _corrected(
        self,
        frame: VideoFrame,
        canvas: UInt8,
        field: MotionField,
        reference: LatentState,
        damage: float,
        at_s: tuple[float, float],
    ) -> Coded[FrameDetail]:
        """A frame whose damage the network shall judge: predicted, with a residual where that is due, or a key."""
        y = self.fine_latents(frame)
        made = self._coder.moved(reference, field)
        self._judge.sees(y, made.values)
        analysed_s = time.perf_counter()

        def at(step: int) -> CodedFrame:
            fine_step = self._coder.fine_step(step)
            modes, residual = self._judge.modes(y, made.values, self.manifest.block_latents, fine_step)
            has_residual = bool(modes.any())
            used, named = (residual, step) if has_residual else ((), 0)
            return self._coder.encode_moved(made, modes, used, self._serial, named)

        coded = within_bytes(at, self._steps(self.policy.step), self.policy.max_bytes)
        key = None
        if self._is_too_large(coded):
            key = self._key_of(y)
        elif coded.field is not None and coded.field.modes.any():
            key = self._judge.better_key(coded, y, self._fine_step, self._key_of)
        if key is not None:
            return self._finish_key(y, key, canvas, "rate", damage, (*at_s, analysed_s))
        # The network has seen this frame: what error is left is known to be small, and damage counts from here.
        self._latest = _Held(coded.state, canvas, 0.0)
        self._judge.holds(y, coded, self._fine_step)
        return encoded(coded, "", damage, (*at_s, analysed_s), network_runs=True)

    def _vectors(self, frame: VideoFrame) -> CodecVectors | None:
        """The video's own vectors, where they lead from what the reference stands for."""
        follows = frame.index == self._last_index + 1 and self.policy.reference == "latest"
        if not (self.policy.uses_vectors and follows and isinstance(frame, SourceFrame)):
            return None
        return frame.vectors

    @property
    def _fine_step(self) -> int:
        """The step that is wanted, in 1/16 of a unit."""
        return self._coder.fine_step(self.policy.step if self._coder.names_step else 0)

    @property
    def _searching(self) -> MotionSearch:
        assert self._search is not None  # frames that are no key frames are of other modes than "intra"
        return self._search
