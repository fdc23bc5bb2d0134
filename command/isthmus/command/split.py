"""`isthmus split`. Heavy imports wait until the command runs."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.command.edge import OutputOptions
from isthmus.command.frame import command_frame, table_console
from isthmus.command.options import Given, flags_of, with_options
from isthmus.command.split_network import (
    class_names_of,
    frames_said,
    reading_of,
    require_split_packages,
)
from isthmus.common.errors import InputError
from isthmus.common.options import Options, rules_of
from isthmus.common.tasks import CLASSIFY
from isthmus.split.options import CutOptions, FolderOptions, FrameOptions, PlanOptions

if TYPE_CHECKING:
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.split.plan import Plan

PLAN_COUNT, SPLIT_COUNT = 128, 200
LEVEL_BITS = 6
"""Of a quantiser of a network trained for a step, which takes its bounds from the images."""
OF_THE_PLAN = ("at", "plan", "picture", "bits", "count", "json")
"""Options that the command after a plan does not take over from it."""
MORE_BITS = 8
"""Where no cut of fewer bits agrees with the whole network."""


@command_frame
@with_options(CutOptions, FrameOptions, FolderOptions, PlanOptions, OutputOptions)
def split(
    model: Annotated[Path, typer.Argument(help="An ONNX classifier: one frame in, a number a class out.")],
    images: Annotated[
        Path,
        typer.Option(help="Images to calibrate on, without labels: a folder, or a packed .npz.", metavar="PATH"),
    ],
    *,
    given: Given,
) -> None:
    """Cut an ONNX classifier into an edge and a cloud half: a video codec of any network. Begin with --plan."""
    # Before NumPy is there: threads of its own would wait, busily, beside those that measure the cuts.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    require_split_packages()
    if given.of(CutOptions).plan == bool(given.of(CutOptions).at):
        raise InputError("expected either --plan, to see the cuts, or --at TENSOR, to make one")
    if given.of(CutOptions).int8 and given.of(CutOptions).plan:
        raise InputError("expected --int8 with --at, where a codec is made; a plan's halves run in floats")
    if given.of(CutOptions).picture and not given.of(CutOptions).plan:
        raise InputError("expected --picture with --plan, whose latencies it shows")
    if given.of(CutOptions).plan:
        _plan(model, images, given)
    else:
        _cut(model, images, given)


def _plan(model: Path, images: Path, given: Given) -> None:
    """Measure the cuts, show them, and end with the command that makes the best."""
    from rich.console import Console

    from isthmus.common.side_by_side import usual_workers
    from isthmus.measure.split.latency_plot import draw_latency_png
    from isthmus.measure.track import tracked
    from isthmus.split.codec_folder import sized_for
    from isthmus.split.pictures import load_pictures
    from isthmus.split.plan import plan_cuts
    from isthmus.split.plan_table import plan_json, plan_table

    cut, frames, link = given.of(CutOptions), given.of(FrameOptions), given.of(PlanOptions)
    reading = reading_of(model, frames, lambda count: load_pictures(images, count))
    pictures = load_pictures(images, cut.count or PLAN_COUNT)
    with tracked(Console(stderr=True)) as track:
        plan = plan_cuts(
            sized_for(reading.network, pictures),
            pictures,
            reading.preprocessing,
            replace(link, bits=cut.bits or link.bits),
            track,
            cut.seed,
            usual_workers(),
        )
    said = frames_said(frames, reading)
    usual = FrameOptions()
    found = {name: value for name in rules_of(FrameOptions) if (value := getattr(said, name)) != getattr(usual, name)}
    if cut.picture:
        draw_latency_png(plan, cut.picture)
    following = next_command(model, images, Given({**given.values, **found}), plan)
    if given.of(OutputOptions).json:
        print(json.dumps(plan_json(plan) | {"next": following}, indent=1))
        return
    console = table_console()
    console.print(plan_table(plan, console.width if console.is_terminal else 0))
    if following:
        print(following)


def next_command(model: Path, images: Path, given: Given, plan: Plan) -> str:
    """What to type after a plan: the best cut, or the plan of more bits where none is good; "" where none can be."""
    if plan.best:
        wanted: dict[str, object] = {"at": plan.best}
        wanted |= {"bits": given.values["bits"]} if "bits" in given.values else {}
    elif 0 < plan.options.bits < MORE_BITS:
        wanted = {"plan": True, "bits": MORE_BITS}
    else:
        return ""
    kept = {
        name: value
        for name, value in given.values.items()
        if name not in ("at", "plan", "picture", "bits", "count", "json")
    }
    kinds: tuple[type[Options], ...] = (CutOptions, FrameOptions, FolderOptions)
    if not plan.best:
        kinds = (*kinds, PlanOptions)
    words = ["isthmus", "split", str(model), "--images", str(images)]
    for kind in kinds:
        for name, rule in rules_of(kind).items():
            value = (wanted | kept).get(name, False)
            if value is not False:
                words += [flags_of(name, rule)[0]] if value is True else [flags_of(name, rule)[0], str(value)]
    return shlex.join(words)


def _cut(model: Path, images: Path, given: Given) -> None:
    """Write the codec of a cut, and say how it is run."""
    from rich.console import Console

    from isthmus.command.stages import staged
    from isthmus.measure.split.edge_encoder import EDGE_ENCODER
    from isthmus.split.codec_folder import SplitOptions
    from isthmus.split.codec_writer import write_split_codec
    from isthmus.split.pictures import load_pictures
    from isthmus.split.plane_writer import write_plane_codec
    from isthmus.split.stepped_writer import write_stepped_codec

    cut, frames, target = given.of(CutOptions), given.of(FrameOptions), given.of(FolderOptions)
    class_names = class_names_of(target.classes)
    reading = reading_of(model, frames, lambda count: load_pictures(images, count), (cut.at,))
    network, count = reading.network, cut.count or SPLIT_COUNT
    is_any = network.task != CLASSIFY or "," in cut.at
    if is_any and (cut.bits or cut.step):
        raise InputError(
            f"{network.name}: expected neither --bits nor --step for a cut at several tensors, or a task other than "
            "classify: frames choose their step"
        )
    if cut.int8 and (is_any or cut.bits or cut.step):
        raise InputError(
            f"{network.name}: expected --int8 for a classifier cut at one tensor, without --bits and --step"
        )
    folder = target.zoo / (target.name or default_name(network.name, cut.at, cut.bits, cut.step, int8=cut.int8))
    command = f"isthmus split {model.name} --at {cut.at} --images {images.name} --count {count}"
    command += (
        _told(cut, "bits")
        + _told(cut, "step")
        + (" --int8" if cut.int8 else "")
        + _told(frames_said(frames, reading), *rules_of(FrameOptions))
        + _told(cut, "seed")
        + (f" --classes {target.classes.name}" if target.classes else "")
    )
    write = write_split_codec if cut.bits or cut.step else write_plane_codec if is_any else write_stepped_codec
    options = SplitOptions(
        cut.at,
        cut.bits or LEVEL_BITS,
        cut.step,
        reading.preprocessing,
        class_names,
        cut.seed,
        command,
        int8=cut.int8,
        least_score=frames.least_score,
        overlap=frames.overlap,
    )
    with staged(Console(stderr=True)) as say:
        manifest = write(network, load_pictures(images, count), options, folder, EDGE_ENCODER, say)
    _tell(manifest, folder, as_json=given.of(OutputOptions).json)


def _told(options: CutOptions | FrameOptions, *names: str) -> str:
    """Those of the options that are not as usual, for a codec's provenance."""
    usual = type(options)()
    changed = [(name, getattr(options, name)) for name in names if getattr(options, name) != getattr(usual, name)]
    return "".join(f" --{name} {value}" for name, value in changed)


def _tell(manifest: VideoManifest, folder: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"codec": manifest.name, "folder": str(folder), "identity": manifest.identity.hex()}))
        return
    size_kib = sum(f.stat().st_size for f in folder.iterdir()) / 1024
    print(f"{folder}  {size_kib:.0f} KiB, {manifest.latent_channels} channels at stride {manifest.stride}")
    print(shlex.join(["isthmus", "cloud", "--zoo", str(folder.parent)]))
    print(shlex.join(["isthmus", "edge", "clip.mp4", "--zoo", str(folder.parent), "--codec", manifest.name]))


def default_name(model: str, tensor: str, bits: int, step: float, *, int8: bool = False) -> str:
    """``video-<model>-<tensor>``, with `-b<bits>` for a quantiser of bits and `-int8`, as a codec may be called."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in f"{model} {tensor}".lower()).split()
    ends = ["step"] if step else [f"b{bits}"] if bits else ["int8"] if int8 else []
    return "-".join(["video", *words, *ends])[-64:].strip("-")
