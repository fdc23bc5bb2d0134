"""The video's part of `isthmus demo`: a clip crosses the live cloud as latents that move, and once more as key frames.

Without a clip at hand a camera moves over a photograph that scikit-image installs: it is found without importing the
package, and nothing is downloaded. What the whole network says of the original frames, nothing quantised, is what the
cloud's answers are compared with.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isthmus.command.frame import PIPED_WIDTH
from isthmus.command.video.crossing import KINDS, SentFrame, VideoCrossing, mean_of
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.tasks import short_name
from isthmus.data.video.moving_images import ClipMotion, moving_clip

if TYPE_CHECKING:
    from rich.console import Console

    from isthmus.data.video.clips import Clip
    from isthmus.edge.video.policy import VideoPolicy
    from isthmus.measure.table import Table

PHOTO, PHOTO_CLASS = "chelsea.png", "Egyptian cat"
FRAMES, SIDE, SEED = 48, 96, 1
"""Of the clip that is made of it: frames, pixels of the shorter side, and where the camera's swings begin."""
MOTION = ClipMotion(pan=(0.006, 0.012), zoom=0.005, rotation=0.5, noise=1.5)

MAX_FRAMES = 96
"""Of a video file; the rest of it stays at home."""


def moved_photo(photo: Path) -> Clip:
    """A clip of a camera that moves over a photograph, `SIDE` pixels at its shorter side.

    Raises:
        InputError: the file is no image.
        MissingDependencyError: without OpenCV.
    """
    from PIL import Image as PillowImage

    from isthmus.data.image.files import read_image
    from isthmus.data.video.clips import Clip

    pixels = read_image(photo).pixels
    scale = SIDE / min(pixels.shape[:2])
    size = round(scale * pixels.shape[1]), round(scale * pixels.shape[0])
    small = np.asarray(PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.LANCZOS))
    return Clip(photo.name, moving_clip(small, MOTION, FRAMES, SEED))


def show_video(console: Console, clip: Clip, folder: Path, address: str, out: Path, class_name: str = "") -> Path:
    """Send a clip to a live cloud, print bits, times and answers, and draw it; answers the picture's path.

    Args:
        clip: to send.
        folder: of the codec; the cloud must serve the same one.
        address: of the cloud.
        out: folder for the picture.
        class_name: what is to be seen in all frames, in words of the codec's classes; "" where nobody knows.

    Raises:
        IsthmusError: what encoding or the stream raises.
    """
    from rich.markup import escape

    from isthmus.command.video.picture import draw_crossing

    crossing = cross(clip, folder, address, class_name)
    count, height, width, _ = clip.frames.shape
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(
        f"\n[bold]A video[/bold] crosses the same cloud: {escape(clip.name)}, {count} frames of {width} x {height} "
        f"pixels, coded by {crossing.manifest.name}:",
        soft_wrap=True,
    )
    console.print(kinds_table(crossing).to_rich())
    for line in said(crossing):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{Path(clip.name).stem}.{crossing.manifest.name}.png"
    draw_crossing(crossing, path)
    console.print(f"Picture: {path}", soft_wrap=True, markup=False)
    return path


def cross(clip: Clip, folder: Path, address: str, class_name: str = "") -> VideoCrossing:
    """Send a clip twice, predicted and as key frames alone, and ask the whole network about the original frames.

    Raises:
        CodecError: the cloud holds other latents than the encoder.
        IsthmusError: what encoding or the stream raises.
    """
    from isthmus.edge.video.policy import default_policy
    from isthmus.measure.video.network import WholeNetwork

    network = WholeNetwork(folder)
    latents = network.latents(clip.frames)
    own = default_policy(network.manifest)
    sent, intra = (_send(clip, folder, address, replace(own, mode=mode)) for mode in ("auto", "intra"))
    target = class_index(network.manifest.class_names, class_name)
    return VideoCrossing(clip, network.manifest, sent, intra, network.answers(latents), latents, target)


def class_index(class_names: Sequence[str], wanted: str) -> int:
    """Index of the class with that name or that first synonym; -1 if there is none."""
    found = [index for index, name in enumerate(class_names) if wanted and wanted in (name, short_name(name))]
    return found[0] if found else -1


def kinds_table(crossing: VideoCrossing) -> Table:
    """A row for each kind of frame, for all, and for key frames alone."""
    from isthmus.measure.table import Table, number

    of_kind = [(kind, [frame for frame in crossing.sent if frame.kind == kind]) for kind in KINDS.values()]
    rows = []
    for name, frames in (*of_kind, ("all", list(crossing.sent)), ("key frames alone", list(crossing.intra))):
        bits = (number(mean_of(frames, f"{part}_bits"), 0) for part in ("packet", "motion", "residual"))
        runs = number(sum(frame.network_runs for frame in frames), 0)
        rows.append((name, str(len(frames)), *bits, number(_median_ms(frames), 2), runs))
    columns = ("sent as", "frames", "bits a frame", "of motion", "of residual", "ms at the edge", "network ran")
    return Table("Bits a frame, whole packets, and milliseconds at the edge (median)", columns, tuple(rows))


def said(crossing: VideoCrossing) -> list[str]:
    """What the numbers come to, a line each."""
    count = len(crossing.sent)
    predicted = [frame for frame in crossing.sent if frame.kind != KINDS["key"]]
    lines = [f"Prediction saves {crossing.saved_percent:.1f} % of the bits of key frames alone (both were sent)."]
    if predicted:
        ratio = _median_ms(predicted) / _median_ms(crossing.intra)
        lines.append(f"At the edge a predicted frame takes {ratio:.2f} times as long as one of these.")
        if _median_ms([frame for frame in predicted if not frame.network_runs]) > _median_ms(crossing.intra):
            lines[-1] += " (In frames this small the search for motion takes longer than the network.)"
    alike, alike_alone = crossing.agreed(crossing.sent), crossing.agreed(crossing.intra)
    lines.append(
        f"The cloud says what the whole network says of the original frame: {alike} of {count} frames "
        f"(key frames alone: {alike_alone}). Most often: {crossing.top}."
    )
    if crossing.target >= 0:
        right, alone = (
            sum(frame.answer == crossing.target for frame in frames) for frames in (crossing.sent, crossing.intra)
        )
        whole = int((crossing.own == crossing.target).sum())
        name = short_name(crossing.manifest.class_names[crossing.target])
        lines.append(
            f"In truth it is {name}: the cloud says so of {right} of {count} frames (key frames alone: {alone}, the "
            f"whole network: {whole})."
        )
    return lines


def _median_ms(frames: Sequence[SentFrame]) -> float:
    return float(np.median([frame.encode_ms for frame in frames])) if frames else float("nan")


def _send(clip: Clip, folder: Path, address: str, policy: VideoPolicy) -> tuple[SentFrame, ...]:
    from isthmus.edge.client import CloudClient
    from isthmus.edge.video.encoder import VideoEncoder
    from isthmus.measure.video.live import RESULT_TIMEOUT_S, check_state

    encoder = VideoEncoder(folder, policy)
    frames = [VideoFrame(Image(pixels), index) for index, pixels in enumerate(clip.frames)]
    for frame in itertools.islice(frames, 2):  # the first runs of anything are slow
        encoder.encode(frame)
    encoder.force_key()
    sent = []
    with CloudClient(address, encoder.manifest, wants_state_crc32=True, result_timeout_s=RESULT_TIMEOUT_S) as client:
        for frame in frames:
            coded = encoder.encode(frame)
            client.send(coded.packet)
            result = client.receive()
            answer = result.value.top().class_index
            check_state(result, coded, f"{clip.name}, frame {frame.index}")
            kind = KINDS[coded.detail.kind]
            sent.append(
                SentFrame(
                    kind,
                    coded.packet_bits,
                    coded.detail.motion_bits,
                    coded.detail.residual_bits,
                    1e3 * coded.timing.total_s,
                    coded.detail.network_runs,
                    answer,
                    coded.detail.field,
                    coded.detail.state.values,
                )
            )
    return tuple(sent)
