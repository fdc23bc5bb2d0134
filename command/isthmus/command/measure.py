"""`isthmus measure`: its commands, ready to be put into a typer app. Heavy imports wait until a command runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import command_frame, end, table_console
from isthmus.command.measure_abuse import measure_abuse, measure_load
from isthmus.command.measure_all import measure_all
from isthmus.command.measure_complexity import measure_complexity
from isthmus.command.measure_damage import measure_fuzz, measure_inputs
from isthmus.command.measure_motion_factors import measure_motion_factors
from isthmus.command.measure_open_questions import measure_open_question_1, measure_open_question_2
from isthmus.command.measure_point_sweep import measure_pointcloud_sweep
from isthmus.command.measure_side_weight import measure_side_weight
from isthmus.command.measure_split import (
    measure_split,
    measure_split_cuts,
    measure_split_edge,
    measure_split_tasks,
)
from isthmus.command.measure_stills import measure_photograph, measure_stills
from isthmus.command.measure_video_thresholds import measure_video_thresholds
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.common.circumstances import load_before
from isthmus.measure.determinism.options import ImageCases, PointCloudCases, VideoCases
from isthmus.measure.distributions.options import DistributionOptions
from isthmus.measure.image.options import ImageOptions
from isthmus.measure.motion.options import GraphOptions, MotionEffort, MotionOptions, MotionOutputs
from isthmus.measure.options import RESULTS, Outputs, Pages
from isthmus.measure.pointcloud.options import LiveOptions, PointCloudOptions
from isthmus.measure.video.options import EmulatedLink, VideoOptions


@command_frame
@with_options(PointCloudOptions, LiveOptions, Outputs, Pages)
def measure_pointcloud(*, given: Given) -> None:
    """Rate against accuracy of point-cloud codecs over a live wire, beside G-PCC, Draco and the optimum."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.pointcloud.rows import pointcloud_tables
    from isthmus.measure.pointcloud.run import measure, require_pointcloud_packages, write_outputs
    from isthmus.measure.track import tracked

    options, live, page = given.of(PointCloudOptions), given.of(LiveOptions), given.of(Pages).page
    require_pointcloud_packages(options, page=page)
    with tracked(table_console()) as track:
        measurement = measure(options, live, track)
    command = command_line("isthmus measure pointcloud", options, live)
    written = write_outputs(measurement, command, given.of(Outputs).folder(options), page=page)
    tell_measured(pointcloud_tables(measurement), (*measurement.notes, measurement.chosen), written)


@command_frame
@with_options(DistributionOptions, Outputs)
def measure_distributions(*, given: Given) -> None:
    """How far the tables that code an image's latents are from the image's own distributions, by way."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.distributions.rows import distributions_table
    from isthmus.measure.distributions.run import measure_distributions as measured
    from isthmus.measure.distributions.run import write_distribution_outputs
    from isthmus.measure.track import tracked

    options = given.of(DistributionOptions)
    with tracked(table_console()) as track:
        measurement = measured(options, track)
    command = command_line("isthmus measure distributions", options)
    written = write_distribution_outputs(measurement, command, given.of(Outputs).folder(options))
    tell_measured((distributions_table(measurement),), (), written)


@command_frame
@with_options(ImageOptions, Outputs, Pages)
def measure_image(*, given: Given) -> None:
    """Rate against quality of image codecs over a live wire, beside image files and published curves."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.image.rows import image_tables
    from isthmus.measure.image.run import measure_images, require_image_packages, write_image_outputs
    from isthmus.measure.track import tracked

    page = given.of(Pages).page
    options = replace(given.of(ImageOptions), with_pictures=page)
    require_image_packages(options)
    with tracked(table_console()) as track:
        run = measure_images(options, track)
    command = command_line("isthmus measure image", options)
    written = write_image_outputs(run, command, given.of(Outputs).folder(options), page=page)
    tell_measured(image_tables(run.measurement), run.measurement.notes, written)


@command_frame
@with_options(VideoOptions, EmulatedLink, Outputs, Pages)
def measure_video(*, given: Given) -> None:
    """Accuracy against rate of latents that move, all bits counted, beside all intra, H.264 and JPEG."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.track import tracked
    from isthmus.measure.video.outputs import write_video_outputs
    from isthmus.measure.video.rows import link_tables, video_tables
    from isthmus.measure.video.run import measure_videos, require_video_packages

    options, link = given.of(VideoOptions), given.of(EmulatedLink)
    require_video_packages(options)
    with tracked(table_console()) as track:
        run = measure_videos(options, link, track)
    command = command_line("isthmus measure video", options, link)
    written = write_video_outputs(run, command, given.of(Outputs).folder(options), page=given.of(Pages).page)
    for named in run.measurements:
        tell_measured(video_tables(named.measurement), named.measurement.notes)
    tell_measured((table for measured in run.link for table in link_tables(measured)), (), written)


@command_frame
@with_options(MotionOptions, GraphOptions, MotionEffort, MotionOutputs, Outputs)
def measure_motion(*, given: Given) -> None:
    """Do latents move as the picture does, by v / stride? The error of warped latents, and what it is made of.

    An image is warped, a network runs on it before and after, and the latents of before are warped instead: NRMSE says
    how far the two are apart. Random affine maps, sweeps of translation, rotation, scale and shear, shifts by whole
    latents and by fractions, seven interpolations, and latents known at every pixel, which tells sampling from the
    rest. With --checkpoints, small networks that differ in how they halve their sampling.

    A quarter of an hour on one core with everything; `--maps 128 --sweep-images 8 --dense-images 2` for a look.
    """
    from isthmus.measure.command_line import command_line
    from isthmus.measure.motion.outputs import measure_motion as measured
    from isthmus.measure.motion.outputs import write_motion_outputs
    from isthmus.measure.motion.rows import motion_tables
    from isthmus.measure.track import tracked

    options, graphs, effort = given.of(MotionOptions), given.of(GraphOptions), given.of(MotionEffort)
    with tracked(table_console()) as track:
        measurement = measured(options, graphs, effort, track)
    command = command_line("isthmus measure motion", options, graphs, effort)
    measurement, written = write_motion_outputs(
        measurement, command, given.of(MotionOutputs), given.of(Outputs).folder(options, effort)
    )
    tell_measured(motion_tables(measurement), (), written)


@command_frame
@with_options(PointCloudCases, Outputs)
def measure_determinism(*, given: Given) -> None:
    """Compare symbols, bytes and logits over runtimes, threads, batches and precisions; needs the extra `train`."""
    from isthmus.measure.determinism.pointcloud import CASES, pointcloud_determinism
    from isthmus.measure.track import tracked

    console, cases = table_console(), given.of(PointCloudCases)
    with tracked(console) as track:
        found = pointcloud_determinism(cases, given.of(Outputs).folder(cases), track)
    console.print(
        f"{len(found.agreements)} codecs, {len(CASES)} ways to run each, {found.totals['comparisons']} numbers "
        f"compared: {found.totals['mismatches']} mismatches"
    )
    for agreement in found.agreements:
        if agreement.mismatches:
            console.print(agreement)
    end(found.totals["mismatches"])


@command_frame
@with_options(ImageCases, Outputs)
def measure_determinism_image(*, given: Given) -> None:
    """Rebuild image tables in every runtime, thread count, batch and precision; needs the extra `train`."""
    from isthmus.measure.determinism.image import CASES, image_determinism
    from isthmus.measure.track import tracked

    console, cases = table_console(), given.of(ImageCases)
    with tracked(console) as track:
        found = image_determinism(cases, given.of(Outputs).folder(cases), track)
    totals = found.totals
    console.print(
        f"{len(found.agreements)} codecs, {len(CASES)} ways to run each, {totals['comparisons']} integers compared: "
        f"{totals['mismatches']} mismatches"
    )
    console.print(
        f"{totals['moved']} packets read with a table that is off by one: {totals['refused']} refused, "
        f"{totals['harmless']} decoded to what was sent, {totals['silent']} decoded to something else"
    )
    for agreement in found.agreements:
        if agreement.mismatches or agreement.silent:
            console.print(agreement)
    end(totals["mismatches"] + totals["silent"])


@command_frame
@with_options(VideoCases, Outputs)
def measure_determinism_video(*, given: Given) -> None:
    """Compare the edge's loop with live clouds, frame by frame, under drops, spoiled packets and reconnects."""
    from isthmus.measure.determinism.video import video_determinism
    from isthmus.measure.track import tracked

    console, cases = table_console(), given.of(VideoCases)
    with tracked(console) as track:
        found = video_determinism(cases, given.of(Outputs).folder(cases), track)
    totals = found.totals
    for line in (
        f"{totals['frames']} predicted and {totals['key_frames']} key frames in {len(found.agreements)} cases: "
        f"{totals['mismatches']} mismatches, {totals['wrong_results']} wrong results",
        f"{totals['dropped']} packets dropped, {totals['corrupted']} spoiled, {totals['reconnects']} reconnects; "
        f"{totals['reference_missing']} answers of REFERENCE_MISSING, {totals['recoveries']} recoveries",
        f"{totals['replayed']} packets decoded again in Python: {sum(a.replay_mismatches for a in found.agreements)} "
        f"mismatches; of as many frames classified again in NumPy, {totals['label_mismatches']} got another label",
    ):
        console.print(line, soft_wrap=True)
    end(totals["mismatches"] + totals["wrong_results"])


@command_frame
def measure_summary(
    results: Annotated[Path, typer.Argument(help="Folder of the results files.")] = RESULTS,
) -> None:
    """Gather results/*.json into results/summary.json, one number a key."""
    from isthmus.common.results import gather_summary

    for key, number in gather_summary(results).items():
        print(f"{key:64} {number:g}")


def before_measuring() -> None:
    """What the machine did before: asked now, for soon it will be this command that makes it busy."""
    load_before()


def add_commands(app: typer.Typer) -> None:
    """Put the commands into a typer app, under their names on the command line."""
    app.callback()(before_measuring)
    app.command("pointcloud")(measure_pointcloud)
    app.command("pointcloud-sweep")(measure_pointcloud_sweep)
    app.command("image")(measure_image)
    app.command("distributions")(measure_distributions)
    app.command("side-weight")(measure_side_weight)
    app.command("complexity")(measure_complexity)
    app.command("video")(measure_video)
    app.command("video-thresholds")(measure_video_thresholds)
    app.command("motion")(measure_motion)
    app.command("motion-factors")(measure_motion_factors)
    app.command("split")(measure_split)
    app.command("split-cuts")(measure_split_cuts)
    app.command("split-tasks")(measure_split_tasks)
    app.command("split-edge")(measure_split_edge)
    app.command("stills")(measure_stills)
    app.command("photograph")(measure_photograph)
    app.command("determinism")(measure_determinism)
    app.command("determinism-image")(measure_determinism_image)
    app.command("determinism-video")(measure_determinism_video)
    app.command("open-question-1")(measure_open_question_1)
    app.command("open-question-2")(measure_open_question_2)
    app.command("fuzz")(measure_fuzz)
    app.command("inputs")(measure_inputs)
    app.command("abuse")(measure_abuse)
    app.command("load")(measure_load)
    app.command("all")(measure_all)
    app.command("summary")(measure_summary)
