"""`isthmus measure determinism-video`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import print_error

RESULTS = Path("results")


def measure_determinism_video(
    *,
    codec: Annotated[str, typer.Option(help="A video codec's name, or the path of its folder.")] = "video-tiny-q3",
    frames: Annotated[int, typer.Option(min=1, help="Predicted frames to compare, over all cases.")] = 10_000,
    images: Annotated[
        Path | None, typer.Option(help="Folder of images to move over. Default: Kodak's, else what scikit-image ships.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 20,
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Compare the edge's loop with live clouds, frame by frame, under drops, spoiled packets and reconnects."""
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.measure.determinism.video import video_determinism
    from isthmus.measure.track import tracked

    console = Console()
    try:
        with tracked(console) as track:
            agreements = video_determinism(codec, frames, images, zoo, out, seed, track)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    tallies = [agreement.tally for agreement in agreements]
    mismatches = sum(a.mismatches for a in agreements)
    wrong = sum(t.wrong_results for t in tallies)
    console.print(
        f"{sum(t.predicted_frames for t in tallies)} predicted and {sum(t.key_frames for t in tallies)} key frames in "
        f"{len(agreements)} cases: {mismatches} mismatches, {wrong} wrong results",
        soft_wrap=True,
    )
    console.print(
        f"{sum(t.dropped for t in tallies)} packets dropped, {sum(t.corrupted for t in tallies)} spoiled, "
        f"{sum(t.reconnects for t in tallies)} reconnects; "
        f"{sum(t.refused['ReferenceMissingError'] for t in tallies)} answers of REFERENCE_MISSING, "
        f"{sum(t.recoveries for t in tallies)} recoveries",
        soft_wrap=True,
    )
    console.print(
        f"{sum(a.replayed for a in agreements)} packets decoded again in Python: "
        f"{sum(a.replay_mismatches for a in agreements)} mismatches; of as many frames classified again in NumPy, "
        f"{sum(a.label_mismatches for a in agreements)} got another label",
        soft_wrap=True,
    )
    raise typer.Exit(1 if mismatches or wrong else 0)
