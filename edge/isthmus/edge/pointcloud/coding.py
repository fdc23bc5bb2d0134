"""Point clouds as a program has them, and the encoder that takes them: as files, as arrays, or as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.signals import PointCloud
from isthmus.data.bag.clouds import read_cloud
from isthmus.data.capture.points import scan_points
from isthmus.data.pointcloud.files import read_point_cloud, to_z_up
from isthmus.data.pointcloud.normalize import choose_points
from isthmus.edge.failures import Failure
from isthmus.edge.inputs import Item
from isthmus.edge.pointcloud.encoder import THINNING_SEED, PointCloudEncoder
from isthmus.edge.pointcloud.inputs import CloudInputs
from isthmus.edge.pointcloud.options import PointCloudOptions
from isthmus.runtime.engine import AUTO

# Points drawn on a mesh where neither the user nor the codec says how many.
DEFAULT_MESH_POINTS = 2048


def open_encoder(folder: str | Path, options: PointCloudOptions, engine: str = AUTO) -> PointCloudEncoder:
    """The edge half of a codec. Raises as `PointCloudEncoder`."""
    del options  # they say how clouds are read
    return PointCloudEncoder(folder, engine=engine)


def read(
    given: Any, encoder: PointCloudEncoder, options: PointCloudOptions, format_name: str = ""
) -> Iterator[PointCloud]:
    """The clouds in what was given.

    Args:
        given: a file, a folder of them, a bag, a recording of a lidar, points [P, 3] of any real type (those without a
            finite place are left out), or a cloud.
        encoder: of the codec.
        options: as asked for; of an array or a cloud `up` is z unless it is said.
        format_name: of files, "" to go by their names.

    Raises:
        InputError: no cloud, or one that the codec cannot take.
    """
    if isinstance(given, str | Path):
        for item in CloudInputs([str(given)], options, format_name):
            if isinstance(item, Failure):
                raise item.error
            yield read_item(item, format_name, options, encoder)
        return
    cloud = given if isinstance(given, PointCloud) else PointCloud.of(given)
    if options.up == "y":
        x, y, z = to_z_up(np.array([cloud.origin]), "y")[0].tolist()
        cloud = replace(cloud, points=to_z_up(cloud.points, "y"), origin=(x, y, z))
    yield _thinned(cloud, options, encoder)


def read_item(item: Item, format_name: str, options: PointCloudOptions, encoder: PointCloudEncoder) -> PointCloud:
    """A cloud, thinned to what was asked for, or to what the codec was made for.

    Raises:
        InputError: no cloud in the file, message or scan, or one that the codec cannot take.
    """
    preprocessing = encoder.manifest.preprocessing
    drawn = options.points or preprocessing.benchmark_points or min(DEFAULT_MESH_POINTS, preprocessing.max_points)
    up: Literal["y", "z"] | None = "y" if options.up == "y" else "z" if options.up == "z" else None
    name = item.place.name
    if item.sample is not None:
        if options.columns:
            raise InputError("expected no columns for a bag, whose messages name their own")
        return _thinned(read_cloud(item.sample, up), options, encoder)
    if item.scan is not None:
        if options.columns:
            raise InputError("expected no columns for a recording of a lidar, whose packets have their own")
        cloud = PointCloud.of(to_z_up(scan_points(item.scan), up or "z"), item.scan.notes)
        return _thinned(cloud, options, encoder)
    source = sys.stdin.buffer if name == "-" else name
    cloud = read_point_cloud(source, format=format_name or None, points=drawn, up=up, columns=options.columns)
    return _thinned(cloud, options, encoder)


def _thinned(cloud: PointCloud, options: PointCloudOptions, encoder: PointCloudEncoder) -> PointCloud:
    wanted = options.points or encoder.manifest.preprocessing.benchmark_points
    if wanted and len(cloud) > wanted:
        cloud = replace(cloud, points=choose_points(cloud.points, wanted, THINNING_SEED))
    encoder.check(cloud)
    return cloud
