"""The split measure: rate against accuracy of a network cut at several tensors and bit depths, all bits counted.

The first images calibrate quantiser and tables, the others are tested. Every tested image becomes a packet of a key
frame and comes back from it (`VideoCoder`), and the codec's own cloud half answers. One point crosses a live wire as
well, as a codec folder that edge and cloud load, and must give the same bits and answers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.data.image.labelled import LabelledImages
from isthmus.measure.key import slug
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.measure.split.live import cross_live
from isthmus.measure.split.measurement import LOSS_POINTS, LiveCheck, SplitCurve, SplitMeasurement, SplitPoint
from isthmus.measure.split.plots import draw_split_png
from isthmus.measure.track import Track
from isthmus.runtime.frame_size import resized
from isthmus.split.calibrate import intra_tables, key_tables
from isthmus.split.codec_folder import (
    PROVISIONAL,
    Calibrated,
    SplitOptions,
    codec_manifest,
    latents_before,
)
from isthmus.split.codec_writer import write_split_codec
from isthmus.split.cuts import Cut
from isthmus.split.graphs import batch_of, open_model
from isthmus.split.halves import class_count, cut_halves, unquantised
from isthmus.split.network import Network
from isthmus.split.pictures import Pictures, jpeg_bits
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.quantiser import calibrate_steps
from isthmus.split.several import find_cut

JPEG_QUALITIES = (5, 10, 20, 50, 90)
VERSIONED = ("numpy", "onnx", "onnxruntime", "pillow")
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SplitMeasureOptions:
    """What to measure; see `isthmus measure split --help`."""

    tensors: tuple[str, ...]
    bits: tuple[int, ...] = (8, 6, 4, 3, 2)
    calibration: int = 100
    live_frames: int = 50
    preprocessing: Preprocessing = field(default_factory=Preprocessing)


def depths_of(bits: str) -> tuple[int, ...]:
    """Whole numbers, comma apart. InputError if they are none."""
    depths = bits.split(",")
    if not all(word.isdecimal() for word in depths):
        raise InputError(f"--bits: expected whole numbers, comma apart, got {bits!r}")
    return tuple(int(word) for word in depths)


def measure_split(
    network: Network, images: LabelledImages, options: SplitMeasureOptions, track: Track
) -> SplitMeasurement:
    """Measure all cuts of a network of one size, then JPEG, then one point over the wire.

    Raises:
        InputError: too few images, or no such cut; the message names those there are.
        IsthmusError: what the cloud or the codec raises.
    """
    if not network.is_sized:
        raise InputError(f"{network.name}: expected a network of one size of frames, got one of any: fix it first")
    if len(images) < options.calibration + 2:
        raise InputError(f"{images.name}: expected over {options.calibration + 1} images, got {len(images)}")
    if (classes := class_count(network)) != len(images.class_names):
        raise InputError(
            f"{images.name}: expected labels of the {classes} classes of {network.name}, in its order, got "
            f"{len(images.class_names)}: a network has numbers and no names, so say its names with --classes, or give "
            "images of all its classes, or an .npz with `labels` and `names`"
        )
    sides = network.height, network.width
    cuts = [find_cut(network, tensor) for tensor in options.tensors]
    frames = tuple(resized(images.pixels(i), *sides) for i in range(len(images)))
    seen = Pictures(images.name, "", frames[: options.calibration])
    tested, labels = frames[options.calibration :], images.labels[options.calibration :]
    answers = _whole(network, options, tested, track("whole network", len(tested)))
    curves = []
    for cut in cuts:
        advance = track(f"cut at {cut.tensor}", len(options.bits))
        plain = cut_halves(network, cut, options.preprocessing, unquantised(cut), free=False)
        latents = latents_before(plain, Pictures(images.name, "", frames))
        points = []
        for bits in options.bits:
            points.append(_measure(network, cut, bits, options, latents, labels, answers))
            advance(1)
        curves.append(SplitCurve(cut.tensor, cut.stride, cut.shape, cut.edge_macs, cut.cloud_macs, tuple(points)))
    jpeg = _jpeg(network, options, tested, labels, answers, track("JPEG", len(JPEG_QUALITIES)))
    live = None
    if options.live_frames:
        middle, bits = options.tensors[len(options.tensors) // 2], options.bits[len(options.bits) // 2]
        chosen = SplitOptions(middle, bits, preprocessing=options.preprocessing)
        live = _live(network, seen, chosen, tested[: options.live_frames], track("live wire", options.live_frames))
    return SplitMeasurement(
        network.name,
        images.name,
        options.calibration,
        len(tested),
        _percent(answers == labels),
        cuts[0].edge_macs + cuts[0].cloud_macs,
        tuple(curves),
        jpeg,
        live,
    )


def write_split_outputs(measurement: SplitMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    name = f"split_{slug(measurement.model)}"
    chosen = (
        f"Quantisers and tables: on the first {measurement.calibration} images, of which no figure is. Of a cut's bit "
        f"depths the cheapest that loses at most {LOSS_POINTS:g} point is quoted, on the tested images."
    )
    provenance = Provenance.of(command, measurement.data, 0, VERSIONED, chosen=chosen)
    summary = measurement.summary(f"split.{slug(measurement.model)}")
    written = write_results(folder, Results(name, provenance, summary, measurement.detail()))
    picture = folder / f"{name}.png"
    draw_split_png(measurement, picture)
    gather_summary(folder)
    return written, picture


def _whole(
    network: Network,
    options: SplitMeasureOptions,
    frames: Sequence[npt.NDArray[np.uint8]],
    advance: Callable[[int], None],
) -> Int64:
    """Answers of the network on frames, nothing quantised."""
    cut = find_cut(network, options.tensors[0])
    halves = cut_halves(network, cut, options.preprocessing, unquantised(cut), free=False)
    edge, cloud = open_model(halves.edge), open_model(halves.cloud)
    found = []
    for frame in frames:
        found.append(int(cloud(edge(batch_of(frame))).argmax()))
        advance(1)
    return np.array(found, np.int64)


def _measure(
    network: Network,
    cut: Cut,
    bits: int,
    options: SplitMeasureOptions,
    latents: Sequence[Float32],
    labels: Int64,
    answers: Int64,
) -> SplitPoint:
    seen, tested = latents[: options.calibration], latents[options.calibration :]
    quantiser = calibrate_steps(seen, bits)
    halves = cut_halves(network, cut, options.preprocessing, quantiser, free=False)
    cloud = open_model(halves.cloud)
    manifest = codec_manifest(
        "video-split", Calibrated(halves, quantiser.symbol_min, quantiser.symbol_max), (), PROVISIONAL
    )
    coder = VideoCoder(manifest, key_tables(intra_tables([quantiser.quantise(x) for x in seen])))
    packet_bits, found = 0, []
    for index, x in enumerate(tested):
        coded = coder.encode_intra(quantiser.quantise(x), index % 256)
        packet_bits += coded.packet_bits
        state = VideoDecoder(coder).decode(coded.packet.to_bytes()).state
        found.append(int(cloud(state.y_hat[None]).argmax()))
    got = np.array(found, np.int64)
    return SplitPoint(bits, packet_bits / len(tested), _percent(got == labels), _percent(got == answers))


def _jpeg(
    network: Network,
    options: SplitMeasureOptions,
    frames: Sequence[npt.NDArray[np.uint8]],
    labels: Int64,
    answers: Int64,
    advance: Callable[[int], None],
) -> tuple[SplitPoint, ...]:
    """The whole network in the cloud, on frames that came as JPEG."""
    points = []
    for quality in JPEG_QUALITIES:
        decoded = [_through_jpeg(frame, quality) for frame in frames]
        got = _whole(network, options, decoded, lambda _: None)
        bits = float(np.mean([jpeg_bits(frame, quality) for frame in frames]))
        points.append(SplitPoint(quality, bits, _percent(got == labels), _percent(got == answers)))
        advance(1)
    return tuple(points)


def _live(
    network: Network,
    seen: Pictures,
    chosen: SplitOptions,
    frames: Sequence[npt.NDArray[np.uint8]],
    advance: Callable[[int], None],
) -> LiveCheck:
    """A codec folder as it is used: edge encoder, wire, cloud; compared with the same folder run in process."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "video-split-live"
        write_split_codec(network, seen, chosen, folder, EDGE_ENCODER)
        crossed = cross_live(folder, frames, advance)
    return LiveCheck(chosen.tensor, chosen.bits, len(frames), *astuple(crossed))


def _through_jpeg(frame: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    import io

    buffer = io.BytesIO()
    PIL.Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(buffer).convert("RGB"))


def _percent(hits: npt.NDArray[np.bool_]) -> float:
    return 100 * float(hits.mean())
