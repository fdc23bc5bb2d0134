"""The image measure: rate against quality over a live wire, beside image files of every kind and published curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import codec_folders, find_zoo
from isthmus.data.beside import reference_beside
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.image.baselines import BaselinePoint, available, library_versions, sweep_images
from isthmus.measure.image.curves import BOOTSTRAP_SEED, PUBLISHED_SETTINGS, published_curves
from isthmus.measure.image.live import measure_image_codec, passes
from isthmus.measure.image.measurement import ImageMeasurement
from isthmus.measure.image.options import ADAPTATIONS, MAIN_FAMILY, ImageOptions
from isthmus.measure.image.page import write_image_page
from isthmus.measure.image.photographs import SHIPPED_NAME, ImageSet, find_image_set
from isthmus.measure.image.plots import draw_image_png
from isthmus.measure.image.point import ImageCodecPoint
from isthmus.measure.image.specimens import Specimen, specimen_codec, take_specimens
from isthmus.measure.key import slug
from isthmus.measure.options import words
from isthmus.measure.packages import require_packages
from isthmus.measure.track import Track, no_track

PUBLISHED_RATES = reference_beside("kodak_rate_distortion.csv")
PUBLISHED_ADAPTIVE = reference_beside("adaptive_entropy_kodak.csv")
NOTHING_BUT_AVIF = (
    "On the images measured nothing was chosen, but for AVIF's tuning and chroma: on Kodak, in AVIF's favour. Codecs, "
    "tables and contexts were made of other photographs, one in twenty of them kept for validation."
)
VERSIONED = ("numpy", "onnxruntime", "grpcio", "protobuf", "pillow")


@dataclass(frozen=True, slots=True, eq=False)
class ImageRun:
    """A measurement, and pictures to look at beside it."""

    measurement: ImageMeasurement
    specimens: tuple[Specimen, ...]


def measure_images(options: ImageOptions, track: Track = no_track) -> ImageRun:
    """Measure codecs over the wire, then the baselines.

    Raises:
        InputError: no codec or image fits the options; each message ends with what to do.
        IsthmusError: what the cloud or the codecs raise.
    """
    unknown = [a for a in words(options.adaptations) if a not in ADAPTATIONS]
    if unknown:
        raise InputError(f"expected adaptations among {', '.join(ADAPTATIONS)}, got {', '.join(unknown)}")
    baselines, notes = available(words(options.formats) if options.baselines else ())
    images = find_image_set(options.images, options.limit_images)
    if images.name == SHIPPED_NAME:
        notes.append("The images are those that scikit-image ships, as no folder was named (--images) or found.")
    if options.limit_images:
        notes.append(f"Only {len(images)} images, evenly spread over the folder.")
    codecs, specimens = _measure_codecs(images, options, track)
    sweeps: dict[str, tuple[BaselinePoint, ...]] = {}
    if baselines:
        sweeps = sweep_images(baselines, images.paths, track("image formats", len(baselines) * len(images)))
    published = published_curves(PUBLISHED_RATES, PUBLISHED_ADAPTIVE) if images.is_kodak else {}
    if not published:
        notes.append("No published curves: there are none of just these images, or not here.")
    versions = library_versions()
    settings = {codec.name: codec.told(versions) for codec in baselines}
    settings |= {name: PUBLISHED_SETTINGS[name] for name in published}
    measurement = ImageMeasurement(
        images.name, images.image_names, images.pixel_counts, codecs, sweeps, published, tuple(notes), settings
    )
    return ImageRun(measurement, specimens)


def choose_image_codecs(zoo: Path, families: Sequence[str]) -> list[Path]:
    """Folders of all qualities of these families, in this order. InputError if a family has none."""
    found: list[tuple[int, int, Path]] = []
    for folder in codec_folders(zoo):
        match = re.fullmatch(r"(.+)-q(\d+)", folder.name)
        if match is not None and match[1] in families:
            found.append((list(families).index(match[1]), int(match[2]), folder))
    missing = [f for place, f in enumerate(families) if place not in {p for p, _, _ in found}]
    if missing or not families:
        raise InputError(
            f"expected codecs {', '.join(f'{f}-q1, ..' for f in missing) or 'of a family'} in {zoo}, found none: name "
            "another family with --codec, or train one with `isthmus train image`"
        )
    return [folder for _, _, folder in sorted(found)]


def require_image_packages(options: ImageOptions) -> None:
    """MissingDependencyError if a package is missing that this needs."""
    require_packages(["matplotlib", *(["grpc_health"] if options.cloud == "" else [])])


def image_results_name(measurement: ImageMeasurement) -> str:
    """Stem of the results file: ``image_kodak``, and the main family where it is not the default one."""
    family = measurement.families[0]
    suffix = "" if family == MAIN_FAMILY else f"_{slug(family.removeprefix('image-'))}"
    return f"image_{slug(measurement.data)}{suffix}"


def image_summary_root(measurement: ImageMeasurement) -> str:
    """First part of the summary keys: plain `image` for the default family on Kodak alone."""
    name = image_results_name(measurement)
    return "image" if name == "image_kodak" else name


def write_image_outputs(run: ImageRun, command: str, folder: Path, *, page: bool = True) -> tuple[Path, ...]:
    """Write the results file, the picture and the page, and gather the summary; answers their paths."""
    measurement = run.measurement
    name = image_results_name(measurement)
    others = library_versions() if measurement.sweeps else {}
    provenance = Provenance.of(
        command, measurement.data, BOOTSTRAP_SEED, VERSIONED, chosen=NOTHING_BUT_AVIF, others=others
    )
    summary = measurement.summary(image_summary_root(measurement))
    written = [write_results(folder, Results(name, provenance, summary, measurement.detail()))]
    written.append(folder / f"{name}.png")
    draw_image_png(measurement, written[-1])
    if page:
        written.append(folder / f"{name}.html")
        write_image_page(measurement, run.specimens, command, folder / f"{name}.png", written[-1])
    gather_summary(folder)
    return tuple(written)


def _measure_codecs(
    images: ImageSet, options: ImageOptions, track: Track
) -> tuple[tuple[ImageCodecPoint, ...], tuple[Specimen, ...]]:
    zoo = find_zoo(options.zoo)
    families, adaptations = words(options.codec), words(options.adaptations)
    folders = choose_image_codecs(zoo, families)
    total = 0
    for folder in folders:
        total += len(images) * len(passes(folder, adaptations))
    with ExitStack() as stack:
        address = options.cloud or stack.enter_context(CloudProcess(zoo)).address
        advance = track("codecs, over the wire", total)
        points = tuple(
            measure_image_codec(folder, images, address, adaptations, options.threads, advance) for folder in folders
        )
        specimens: tuple[Specimen, ...] = ()
        if options.with_pictures:
            main = [p for p in points if p.family == families[0]]
            shown = specimen_codec(main, float(images.pixel_counts.sum())).name
            specimens = take_specimens(next(f for f in folders if f.name == shown), images, address)
    return points, specimens
