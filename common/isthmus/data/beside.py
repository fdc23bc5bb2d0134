"""Real data that lies beside the project, where it does: measurements take it when they are given none.

It is in the folder that the environment variable `ISTHMUS_DATA` names, `../shared` without one: data sets in `data`,
recorded figures of others in `reference`.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ISTHMUS_DATA"
DEFAULT = "../shared"


def data_beside(name: str) -> Path:
    """Path of a data set, such as ``modelnet10_2048.npz``; it may not be there."""
    return _folder() / "data" / name


def reference_beside(name: str) -> Path:
    """Path of recorded figures, such as ``kodak_rate_distortion.csv``; they may not be there."""
    return _folder() / "reference" / name


def _folder() -> Path:
    return Path(os.environ.get(VARIABLE) or DEFAULT)
