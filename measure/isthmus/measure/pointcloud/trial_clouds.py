"""The clouds of a trial: a labelled test set, P points of each, as it stands and turned to headings of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.signals import PointCloud
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.measure.pointcloud.baselines import DRAW_SEED, draw_order

HEADING_SEED = 4321


@dataclass(frozen=True, slots=True, eq=False)
class TrialClouds:
    """Clouds ready to be encoded, drawn once for all codecs.

    Attributes:
        draws: for each draw of points, all clouds as they stand in the data. The first draw is the one that the
            input codecs are measured on.
        turned: for each draw, the same clouds each turned about z by its own seeded angle.
        labels: int64 [clouds].
        class_names: of the labels.
        name: of the data.
        points: P.
    """

    draws: tuple[tuple[PointCloud, ...], ...]
    turned: tuple[tuple[PointCloud, ...], ...]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    name: str
    points: int

    @classmethod
    def draw(cls, clouds: LabelledClouds, points: int, draws: int = 1) -> TrialClouds:
        """`points` of each cloud, `draws` times. InputError where a cloud has fewer, or there are none."""
        if len(clouds) == 0 or points < 1 or draws < 1:
            raise InputError(
                f"expected clouds, points and draws of at least 1, got {len(clouds)} clouds of {clouds.name}, "
                f"{points} points, {draws} draws"
            )
        fewest = int(np.diff(clouds.offsets).min())
        if fewest < points:
            raise InputError(
                f"{clouds.name}: expected {points} points in each cloud, got one of {fewest}: lower --points"
            )
        aligned, turned = [], []
        for number in range(draws):
            angles = np.random.default_rng(HEADING_SEED + number).uniform(0, 2 * np.pi, len(clouds))
            drawn = [cloud[draw_order(len(cloud), DRAW_SEED + number)[:points]] for cloud in clouds.clouds]
            aligned.append(tuple(PointCloud(c) for c in drawn))
            turned.append(tuple(PointCloud(turn(c, a)) for c, a in zip(drawn, angles, strict=True)))
        return cls(tuple(aligned), tuple(turned), clouds.labels, clouds.class_names, clouds.name, points)

    def __len__(self) -> int:
        return len(self.labels)


def turn(points: npt.NDArray[np.float32], angle_rad: float) -> npt.NDArray[np.float32]:
    """Points float32 [P, 3] turned about z."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    turned: npt.NDArray[np.float32] = (points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])).astype(np.float32)
    return turned
