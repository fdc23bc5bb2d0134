"""Do the edge's loop and the cloud hold the same latents, frame after frame, whatever befalls the stream?

An encoder sends moving pictures to live clouds. Every result tells, beside its labels, the CRC-32 of the state that the
cloud holds after the frame; it is compared with that of the encoder's own loop. Meanwhile, by seed, packets are
dropped, spoiled, and streams closed and reopened (`isthmus.measure.determinism.crossing`). This is done in every
case: the runtime and threads of the edge's network, threads of the cloud's, which reference the encoder predicts from,
and how readily it sends residuals.

A part of the packets is decoded again by the reference coder in Python, and a part of the labels made again by ONNX's
reference evaluator in NumPy: for latents, the compiled coder and the slow one must agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.results import Provenance
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import find_codec
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.edge.client import CloudClient
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy, default_policy
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.command_line import command_line
from isthmus.measure.determinism.crossing import Crossing, Rates, Tally
from isthmus.measure.determinism.options import VideoCases
from isthmus.measure.determinism.study import Verdict, verdict, write_study
from isthmus.measure.determinism.witness import NumpyVideoEncoder, Replay
from isthmus.measure.image.photographs import ImageSet, find_image_set
from isthmus.measure.track import Track, no_track
from isthmus.measure.video.studies import study_of

FRAME_SIDE = 64
CLIP_FRAMES = 60
REPLAYED_FRAMES = 100  # in each case
MAX_NUMPY_FRAMES = 40  # the evaluator takes a second for one
RESULT_TIMEOUT_S = 60.0

Serve = Callable[[Path, int], AbstractContextManager[str]]
"""A zoo and the threads of its networks to a cloud's address."""


@dataclass(frozen=True, slots=True)
class VideoCase:
    """One way to run both sides.

    Attributes:
        runtime: of the edge's network, "onnxruntime" or "numpy".
        edge_threads, cloud_threads: of each side's network.
        reference: what the encoder predicts from, "latest" or "key".
        is_eager: whether it sends residuals for little damage already, so that most frames have some.
    """

    runtime: str
    edge_threads: int
    cloud_threads: int
    reference: str
    is_eager: bool

    def policy(self, manifest: VideoManifest) -> VideoPolicy:
        """What the encoder of a codec decides by."""
        own = replace(default_policy(manifest), reference=self.reference)
        if not self.is_eager:
            return own
        if manifest.tile_latents:
            return replace(own, rate_weight=own.rate_weight / 4, answer_error=own.answer_error / 10, key_finer=0)
        return replace(own, residual_damage=0.05, latent_error=0.3, key_share=2.0)


# The sides never have as many threads as each other, and each has either number.
CASES = (
    *(
        VideoCase("onnxruntime", edge, cloud, reference, is_eager)
        for reference, is_eager, (edge, cloud) in product(("latest", "key"), (False, True), ((1, 2), (2, 1)))
    ),
    VideoCase("numpy", 1, 1, "latest", is_eager=True),
)


@dataclass(frozen=True, slots=True)
class VideoAgreement:
    """What crossed in one case, and what was decoded again.

    Attributes:
        tally: of the crossing.
        replayed: packets decoded by the Python coder; `replay_mismatches` of them gave another state.
        relabelled: frames that the NumPy evaluator classified; `label_mismatches` of them otherwise than the cloud.
    """

    case: VideoCase
    tally: Tally
    replayed: int
    replay_mismatches: int
    relabelled: int
    label_mismatches: int

    @property
    def mismatches(self) -> int:
        """States that differed, of the cloud's or the Python coder's, and frames refused that were sound."""
        return self.tally.mismatches + self.replay_mismatches

    def counts(self) -> dict[str, int]:
        """What is added up over the cases."""
        tally = self.tally
        return {
            "mismatches": self.mismatches,
            "frames": tally.predicted_frames,
            "residual_frames": tally.residual_frames,
            "key_frames": tally.key_frames,
            "wrong_results": tally.wrong_results,
            "reference_missing": tally.refused["ReferenceMissingError"],
            "refused": tally.refused.total(),
            "recoveries": tally.recoveries,
            "dropped": tally.dropped,
            "corrupted": tally.corrupted,
            "reconnects": tally.reconnects,
            "replayed": self.replayed,
            "label_mismatches": self.label_mismatches,
        }

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {"case": asdict(self.case), "tally": self.tally.to_json()}


def video_determinism(
    options: VideoCases,
    out: Path,
    track: Track = no_track,
    cases: Sequence[VideoCase] = CASES,
    serve: Serve | None = None,
) -> Verdict[VideoAgreement]:
    """Send predicted frames in every case, and write `determinism_video.json`, or that of the codec's study.

    Args:
        options: codec, frames and images.
        out: folder of the results file.
        track: of the frames.
        cases: that take their share of the frames.
        serve: starts a cloud; None for one in another process.

    Raises:
        InputError: no such codec, no images.
    """
    folder = load_codec_folder(find_codec(options.codec, options.zoo), kind=VideoManifest)
    chosen = find_image_set(options.images)
    advance = track("predicted frames", options.frames)
    shares = _shares(options.frames, cases)
    agreements = []
    for number, (case, share) in enumerate(zip(cases, shares, strict=True)):
        if share:
            seed = (options.seed, number)
            agreements.append(_agreement(folder, case, share, chosen, seed, serve or _in_a_process, advance))
    found = verdict(agreements)
    command = command_line("isthmus measure determinism-video", replace(options, codec=folder.manifest.name))
    data = f"{FRAME_SIDE} x {FRAME_SIDE} pixels moving over {chosen.name}"
    provenance = Provenance.of(command, data, options.seed, ("numpy", "onnxruntime", "opencv-python-headless"))
    detail = {"codec": folder.manifest.name, "cases": [agreement.to_json() for agreement in agreements]}
    write_study(
        out, study_of(folder.manifest.name).stem, provenance, {**found.totals, "cases": len(agreements)}, detail
    )
    return found


def moving_frames(images: ImageSet, seed: tuple[int, ...]) -> Iterator[VideoFrame]:
    """Frames without end: windows of photographs under moving cameras, a scene cut after every `CLIP_FRAMES`."""
    random = np.random.default_rng(seed)
    index = 0
    for clip in count():
        pixels = images.read(int(random.integers(len(images)))).pixels[::2, ::2]
        if min(pixels.shape[:2]) < FRAME_SIDE:
            pixels = np.pad(pixels, [(0, FRAME_SIDE), (0, FRAME_SIDE), (0, 0)], mode="symmetric")
        row, column = (int(random.integers(side - FRAME_SIDE + 1)) for side in pixels.shape[:2])
        window = np.ascontiguousarray(pixels[row : row + FRAME_SIDE, column : column + FRAME_SIDE])
        number = int(random.integers(1 << 30)) + clip
        for frame in moving_clip(window, ClipMotion.random(number), CLIP_FRAMES, number):
            yield VideoFrame(Image(frame), index)
            index += 1


def _shares(frames: int, cases: Sequence[VideoCase]) -> list[int]:
    """How many of the frames each case takes: as many each, but few where NumPy runs the edge's network."""
    is_slow = [case.runtime == "numpy" for case in cases]
    if all(is_slow):
        return [len(part) for part in np.array_split(np.arange(frames), len(cases))]
    slow_share = min(MAX_NUMPY_FRAMES, frames // len(cases))
    rest = iter(np.array_split(np.arange(frames - slow_share * sum(is_slow)), len(cases) - sum(is_slow)))
    return [slow_share if slow else len(next(rest)) for slow in is_slow]


def _agreement(
    folder: CodecFolder[VideoManifest],
    case: VideoCase,
    frames: int,
    images: ImageSet,
    seed: tuple[int, ...],
    serve: Serve,
    advance: Callable[[int], None],
) -> VideoAgreement:
    kind = NumpyVideoEncoder if case.runtime == "numpy" else VideoEncoder
    encoder = kind(folder, case.policy(folder.manifest), threads=case.edge_threads)
    replay = Replay(folder, REPLAYED_FRAMES)
    with (
        serve(folder.path.parent, case.cloud_threads) as address,
        CloudClient(address, folder.manifest, wants_state_crc32=True, result_timeout_s=RESULT_TIMEOUT_S) as client,
    ):
        crossing = Crossing(client, encoder, Rates(), np.random.default_rng((*seed, 1)), replay, advance)
        tally = crossing.run(moving_frames(images, seed), frames)
    return VideoAgreement(
        case, tally, replay.replayed, replay.state_mismatches, replay.relabelled, replay.label_mismatches
    )


@contextmanager
def _in_a_process(zoo: Path, threads: int) -> Iterator[str]:
    with CloudProcess(zoo, threads) as process:
        yield process.address
