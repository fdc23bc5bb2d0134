"""The decoders that are fuzzed, with real packets of theirs; and the run over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.common.bits.packet import Packet
from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES, Symbols
from isthmus.common.errors import InputError
from isthmus.common.image.coder import ImageCoder
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.symbols import ImageSymbols
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.coder import Decoder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.signals import Image, PointCloud
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import find_zoo
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.edge.image.side_analysis import SIDE_ANALYSIS_FILE
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.measure.codecs import fitting_codecs
from isthmus.measure.command_line import command_line
from isthmus.measure.fuzz import video as fuzz_video
from isthmus.measure.fuzz.options import FuzzOptions
from isthmus.measure.fuzz.trial import FUZZ_LIMITS, FuzzTally, FuzzTarget, fuzz
from isthmus.measure.track import Track, no_track
from isthmus.runtime.integer_half import coder_files, open_coder

POINT_CLOUD = "pointcloud"
IMAGE = "image"
HYPERPRIOR = "image_hyperprior"
"""Images whose packets have z beside y."""
SEED = 31  # of the clouds
CLOUDS_PER_CLASS, POINTS = 2, 256
BATCHES = (1, 1, 3, 16)
# Small ones, so that a case takes no millisecond; odd ones, so that sides are padded.
IMAGE_SIDES = ((1, 1), (16, 16), (37, 100), (64, 48), (130, 70))


@dataclass(frozen=True, slots=True)
class FuzzRun:
    """What became of all cases, by codec."""

    tallies: tuple[FuzzTally, ...]

    @property
    def cases(self) -> int:
        """All of them."""
        return sum(tally.cases for tally in self.tallies)

    @property
    def failures(self) -> int:
        """Cases that did not pass."""
        return sum(tally.failure_count for tally in self.tallies)


def run_fuzz(options: FuzzOptions, track: Track = no_track) -> FuzzRun:
    """Fuzz every codec that fits the patterns, as many cases each.

    Raises:
        InputError: no codec fits.
        IsthmusError: a codec cannot be loaded.
    """
    zoo = find_zoo(options.zoo)
    folders = fitting_codecs(zoo, options.codecs)
    if not folders:
        raise InputError(f"expected codecs like {options.codecs} in {zoo}, found none: name others with --codecs")
    advance = track("hostile packets", options.cases)
    targets = [target for folder in folders for target in targets_of(folder)]
    shares = np.diff(np.linspace(0, options.cases, len(targets) + 1).round().astype(int)).tolist()
    tallies = (fuzz(target, share, options.seed, advance) for target, share in zip(targets, shares, strict=True))
    return FuzzRun(tuple(tallies))


def write_fuzz(run: FuzzRun, options: FuzzOptions, folder: Path) -> Path:
    """Write `fuzz.json` and gather the summary; answers the file's path."""
    command = command_line("isthmus measure fuzz", options)
    data = "generated furniture and pictures, random latents of frames"
    provenance = Provenance.of(command, data, options.seed, ("numpy", "onnxruntime"))
    summary: dict[str, float] = {
        "fuzz.packet_cases": run.cases,
        "fuzz.packet_failures": run.failures,
        "fuzz.signals": len({tally.kind.partition("_")[0] for tally in run.tallies}),
    }
    for tally in run.tallies:
        for what, count in (("cases", tally.cases), ("failures", tally.failure_count)):
            key = f"fuzz.{tally.kind}_{what}"
            summary[key] = summary.get(key, 0) + count
    path = write_results(folder, Results("fuzz", provenance, summary, {"codecs": [t.to_json() for t in run.tallies]}))
    gather_summary(folder)
    return path


def targets_of(folder: Path) -> tuple[FuzzTarget, ...]:
    """The decoder of a codec of any signal, with packets that its encoder makes; and cuts at several tensors by it."""
    manifest = load_codec_folder(folder, needed=()).manifest
    if isinstance(manifest, VideoManifest):
        return (fuzz_video.codec_target(folder), *fuzz_video.several_targets(folder))
    return (_image_target(folder) if isinstance(manifest, ImageManifest) else _cloud_target(folder),)


def cloud_target(manifest: PointCloudManifest, packets: Sequence[bytes]) -> FuzzTarget:
    """The decoder of point clouds under `FUZZ_LIMITS`."""

    def encode(symbols: Symbols, packet: Packet) -> bytes:
        return Packet.intra(manifest.prior.encode(symbols), symbols, len(packet.checksum)).to_bytes()

    return FuzzTarget(manifest.name, POINT_CLOUD, tuple(packets), Decoder(manifest, FUZZ_LIMITS).decode, encode)


def image_target(coder: ImageCoder, packets: Sequence[bytes]) -> FuzzTarget:
    """The decoder of images under `FUZZ_LIMITS`."""

    def encode(symbols: ImageSymbols, packet: Packet) -> bytes:
        coded = coder.encode(
            symbols.y,
            symbols.height,
            symbols.width,
            adaptation=symbols.adaptation,
            q=symbols.q,
            z=symbols.z,
            checksum_size_bytes=len(packet.checksum),
        )
        return coded.packet.to_bytes()

    def decode(data: bytes) -> ImageSymbols:
        return coder.decode(data, FUZZ_LIMITS)

    kind = HYPERPRIOR if coder.manifest.hyper_channels else IMAGE
    return FuzzTarget(coder.manifest.name, kind, tuple(packets), decode, encode)


def _cloud_target(folder: Path) -> FuzzTarget:
    clouds = [PointCloud(points) for points in generate_set(CLOUDS_PER_CLASS, POINTS, SEED).clouds]
    packets = []
    for size_bytes in CHECKSUM_SIZES_BYTES:
        encoder = PointCloudEncoder(folder, checksum_size_bytes=size_bytes)
        packets += [encoder.encode_batch(clouds[:count]).packet.to_bytes() for count in BATCHES]
    return cloud_target(load_codec_folder(folder, needed=(), kind=PointCloudManifest).manifest, packets)


def _image_target(folder: Path) -> FuzzTarget:
    codec = load_codec_folder(folder, needed=(), kind=ImageManifest)
    coder = open_coder(load_codec_folder(folder, needed=coder_files(codec.manifest), kind=ImageManifest))
    kinds = [Adaptation.STATIC, Adaptation.CHOSEN]
    if codec.manifest.bins and codec.has_file(SIDE_ANALYSIS_FILE):
        kinds.append(Adaptation.SYNTHESIZED)
    if coder.tables.context is not None:
        kinds.append(Adaptation.CONTEXT)
    packets = []
    for size_bytes in CHECKSUM_SIZES_BYTES:
        encoder = ImageEncoder(folder, checksum_size_bytes=size_bytes)
        for seed, (height, width) in enumerate(IMAGE_SIDES):
            image = synthetic_picture(height, width, seed)
            packets += [encoder.encode(image, kind).packet.to_bytes() for kind in kinds]
    return image_target(coder, packets)


def synthetic_picture(height: int, width: int, seed: int) -> Image:
    """Waves, edges and grain: a picture with something in every latent."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / rng.uniform(2, 30) + columns / rng.uniform(2, 30)) for _ in range(3)]
    pixels = 128 + 90 * np.stack(waves, 2) + rng.normal(0, 12, (height, width, 3))
    pixels[height // 3 : height // 2] = rng.integers(0, 256, 3)
    return Image(np.clip(pixels, 0, 255).astype(np.uint8))
