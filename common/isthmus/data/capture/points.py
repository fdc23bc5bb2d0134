"""Points of a lidar's scans. Needs velodyne-decoder (extra `velodyne`).

The decoder knows each model's angles, offsets and times of firing, and how the azimuth goes on between the blocks of a
packet. It is C++ that reads beyond its data where there is none, so it runs in a process of its own
(`isthmus.data.apart`), one for the scans of a recording. What it is given of a scan tells all of the answer: nothing is
remembered from one scan to the next.
"""

from __future__ import annotations

import functools
import io
import json
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.apart import Apart, run_apart
from isthmus.data.capture.scans import Scan, scans
from isthmus.data.capture.velodyne import ADVICE, MODE_AT, PACKET_BYTES, STRONGEST, TAIL_BYTES
from isthmus.data.pointcloud.shape import Shape

LEAST_M, MOST_M = 0.1, 300.0
"""Distances that are taken; nearer ones lie within the sensor, and no model sees further."""
MAX_SCAN_SECONDS = 30.0

_COUNT, _SIZES = struct.Struct("<Q"), struct.Struct("<QQ")
_LAST, _STRONGEST = 2, 1


@contextmanager
def opened_scans(stream: BinaryIO) -> Iterator[Iterator[Scan]]:
    """The scans of a recording, to be decoded within this context; see `isthmus.data.capture.scans.scans`.

    The first that is asked for raises MissingDependencyError where velodyne-decoder is not installed.
    """
    with Apart(decode, "packets of a Velodyne lidar", max_seconds=MAX_SCAN_SECONDS) as apart:
        yield _decodable(scans(stream, apart, calibrated))


def _decodable(found: Iterator[Scan]) -> Iterator[Scan]:
    for scan in found:
        _check_decoder()
        yield scan


def calibrated(tails: bytes) -> bytes:
    """The calibration that an HDL-64E tells, of S2 or S3: as `decode` takes it.

    Args:
        tails: the last six bytes of packets, one after another.

    Raises:
        InputError: it is not in them.
        MissingDependencyError: velodyne-decoder is not installed.
    """
    _check_decoder()
    return run_apart(calibrate, tails, "the calibration of an HDL-64E")


def _check_decoder() -> None:
    if find_spec("velodyne_decoder") is None:
        raise MissingDependencyError(
            "recordings of Velodyne lidars need velodyne-decoder: pip install 'isthmus[velodyne]'; or export their "
            "scans as PCD, LAS or CSV with VeloView"
        )


def scan_points(scan: Scan) -> npt.NDArray[np.float32]:
    """Points of a scan: x ahead, y to the left, z up, in metres, float32 [P, 3]; NaN where a beam did not return.

    Args:
        scan: within the context that it was opened in.

    Raises:
        InputError: damaged packets.
    """
    head = _SIZES.pack(len(scan.calibration), len(scan.before))
    answer = scan.decode(b"".join((head, scan.calibration, *scan.before, *scan.packets)))
    (answered,) = _COUNT.unpack_from(answer)
    points = np.frombuffer(answer, np.float32, offset=_COUNT.size).reshape(-1, 3)
    without_return = np.full((max(scan.beams - answered, 0), 3), np.nan, np.float32)
    return np.concatenate((points, without_return))


def parse_pcap(data: bytes) -> Shape:
    """The points of a recording of one scan. InputError: none, or several."""
    with opened_scans(io.BytesIO(data)) as found:
        first = next(found)  # where there is none it says so
        shape = Shape(scan_points(first), first.notes)
        if next(found, None) is not None:
            raise InputError(
                "expected a recording of one scan, got several; `isthmus edge`, `isthmus encode` and `encode_all` of "
                "the Python API take one after another"
            )
    return shape


def decode(data: bytes) -> bytes:
    """What `scan_points` makes its points of: apart, as the decoder reads beyond its data where that is damaged."""
    import velodyne_decoder

    size, before = _SIZES.unpack_from(data)
    start = _SIZES.size + size
    packets = [data[at : at + PACKET_BYTES] for at in range(start, len(data), PACKET_BYTES)]
    config = velodyne_decoder.Config(min_range=LEAST_M, max_range=MOST_M)
    try:
        if size:
            config.model, config.calibration = _of_calibration(data[_SIZES.size : start])
        decoder = velodyne_decoder.ScanDecoder(config)
        if before:
            decoder.decode(_vector(velodyne_decoder, packets[:before]))
        _, points = decoder.decode(_vector(velodyne_decoder, packets[before:]))
    except (RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"expected packets that velodyne-decoder reads: {error}") from error
    column, ring, returned = points[:, 5], points[:, 6], points[:, 7]
    # A beam of two returns has two points, one behind the other.
    twice = (returned[:-1] == _LAST) & (returned[1:] == _STRONGEST)
    twice &= (column[:-1] == column[1:]) & (ring[:-1] == ring[1:])
    return _COUNT.pack(len(points) - int(twice.sum())) + np.ascontiguousarray(points[:, :3]).tobytes()


def _vector(velodyne_decoder: Any, packets: list[bytes]) -> Any:
    """Packets, at least one, as the decoder takes them; their times are nobody's business here."""
    found = velodyne_decoder.PacketVector()
    for packet in packets:
        if not packet[MODE_AT]:  # the decoder would read a mode that it was never told
            packet = packet[:MODE_AT] + bytes([STRONGEST]) + packet[MODE_AT + 1 :]  # noqa: PLW2901
        found.append(velodyne_decoder.VelodynePacket(0.0, packet))
    return found


def calibrate(tails: bytes) -> bytes:
    """What `calibrated` gives; apart, as all of the decoder. The kind of sensor, then its calibration as YAML."""
    from velodyne_decoder import hdl64e

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a beginning that it does not find at once
        try:
            told = hdl64e.read_status_info(tails[at : at + TAIL_BYTES] for at in range(0, len(tails), TAIL_BYTES))
            found = hdl64e.status_info_to_calib_dict(told)
            status = found.pop("status")
            if status["Calibration Time"] is None or [one["laser_id"] for one in found["lasers"]] != list(range(64)):
                raise ValueError("it is of no time, or not of 64 lasers")
        except (ValueError, KeyError, IndexError, struct.error) as error:
            raise InputError(
                "expected the calibration that an HDL-64E of S2 or S3 tells in 4160 packets, got none in "
                f"{len(tails) // TAIL_BYTES} ({error}); record three seconds or more; or {ADVICE}"
            ) from error
    return f"{status['Model']}\n{json.dumps(found)}".encode()


@functools.lru_cache(maxsize=1)
def _of_calibration(calibration: bytes) -> tuple[Any, Any]:
    """The decoder's model and calibration, which are the same for all scans."""
    import velodyne_decoder

    model, _, words = calibration.partition(b"\n")
    kinds = {b"S2": velodyne_decoder.Model.HDL64E_S2, b"S3": velodyne_decoder.Model.HDL64E_S3}
    return kinds[model], velodyne_decoder.Calibration.from_string(words.decode())
