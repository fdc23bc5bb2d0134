"""What `isthmus train image` leaves in its folder of runs, for a study that goes on from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.training.image.transforms import with_parents


def finished(runs: Path, qualities: Sequence[int], photos: Path, *, kind: str = "") -> list[Path]:
    """The checkpoints that `isthmus train image` left in `runs`, one a quality; `kind` "hyper-" for hyperpriors.

    Args:
        photos: that they were trained on, for the command that is to be typed where one is missing.

    Raises:
        InputError: one is missing.
    """
    paths = [runs / f"{kind}q{quality}.pt" for quality in qualities]
    missing = [path for path in paths if not path.exists()]
    if missing:
        wanted = ",".join(str(quality) for quality in with_parents(qualities))
        words = f"--data {photos} --qualities {wanted} --runs {runs}"
        if kind:
            words += f" --hyperprior {','.join(map(str, qualities))}"
        raise InputError(f"{missing[0]}: expected a finished checkpoint, found none: first isthmus train image {words}")
    return paths
