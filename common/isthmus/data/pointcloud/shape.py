"""What a file of points holds, before anything is drawn, turned or cast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from isthmus.data.pointcloud.mesh import Mesh

Up = Literal["y", "z"]
Points = npt.NDArray[Any]
"""Coordinates [P, 3] of any real type."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Points or a mesh.

    Attributes:
        geometry: in all the digits that the file has.
        notes: what is to be said of how it was read, a sentence each.
        up: the axis that the file says is up; None where it says nothing.
    """

    geometry: Mesh | Points
    notes: tuple[str, ...] = ()
    up: Up | None = None
