"""Clouds in what a job was given: files, messages of bags, and the scans of recorded lidars, as they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.data.capture.points import opened_scans
from isthmus.data.pointcloud.files import point_cloud_paths
from isthmus.data.pointcloud.formats import is_recording
from isthmus.edge.failures import Failure
from isthmus.edge.inputs import Inputs, Item, Place
from isthmus.edge.pointcloud.options import PointCloudOptions


class CloudInputs:
    """The clouds in what was named, in order; `Failure` for what is none. Each is to be read before the next.

    Args:
        inputs: files, folders, bags, and "-" for standard input.
        options: as asked for.
        format_name: of files, "" to go by their names.

    Attributes:
        count: of clouds, as far as that is known.

    Raises:
        InputError: a topic was named, and there is no bag.
    """

    def __init__(self, inputs: Iterable[str], options: PointCloudOptions, format_name: str = "") -> None:
        self._inputs = Inputs(inputs, point_cloud_paths, POINT_CLOUD.message_types, options.topic)
        self._format_name = format_name
        self.count = self._inputs.count

    def __iter__(self) -> Iterator[Item | Failure]:
        for item in self._inputs:
            if (
                isinstance(item, Failure)
                or item.sample is not None
                or not is_recording(item.place.name, self._format_name)
            ):
                yield item
            else:
                yield from _of_recording(item.place.name)


def _of_recording(name: str) -> Iterator[Item | Failure]:
    """The scans of a recording; at the end, why there are no more."""
    try:
        with (
            nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as stream,
            opened_scans(stream) as found,
        ):
            for scan in found:
                yield Item(Place.of_scan(name, scan), scan=scan)
    except OSError as error:
        yield Failure(name, InputError(f"expected a readable file: {error.strerror or error}"))
    except IsthmusError as error:
        yield Failure(name, error)
