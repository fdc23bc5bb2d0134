"""Surveys and scans: LAS, LAZ and E57, each point where it is; what damaged bytes bring down is a process of its own.

The files are by laspy, and by the library behind pye57; the numbers that went in are worked out here.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import forked
from support.e57_files import Scan, cartesian, e57, with_checksums

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import PointCloud
from isthmus.data import apart
from isthmus.data.pointcloud import e57 as reader_e57
from isthmus.data.pointcloud import laz
from isthmus.data.pointcloud.files import read_point_cloud

Array = npt.NDArray[Any]

needs_lazrs = pytest.mark.skipif(not find_spec("lazrs"), reason="lazrs is missing: pip install 'isthmus[laz]'")
needs_pye57 = pytest.mark.skipif(not find_spec("pye57"), reason="pye57 is missing: pip install 'isthmus[e57]'")

# By laspy 2.7: twelve points k, k % 10 == 3 marked as withheld; deflated.
BY_LASPY = {
    "las, format 3": (
        "eNrzcQx2Y8ACGJn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YHzM8hvKYlRh4GPCBB/YQ+gKUPgCmG1rkHEF0wcwQR2TV06DiaPIL8mHqHPQcGI"
        "gGjED8HwgYcapgAuJ/QBUsOFUwA/FfoApOCLcBUwVI7x+gCgGcZrAC8W+gCkmcKtiA+BdQhQpOFexQ2hCnCg6ob3EHECfUt4E4VXBBfZuCUwU3"
        "1LeVOFUAAJt+QTI="
    ),
    "laz, format 3": (
        "eNrzcQx2Y8ACGJn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YHwNJoFlAXrMSAw8DPvDAHkJfgNIHwHRDi5wjiC6YGeKIrHoaVBxNfkE+TJ2Dng"
        "OKU6syCxRS85LzU1JTGBj2hJkwZJSUFFjp60Ok9PKL0tHcwwTCTBB2wGEGhv9ogJmBjUEEqIqdgQNIcgB5TAzrGBmIBfzfOQNYbvyZfWTCnqSt"
        "5+Y3sEmuecUQt76dgalk7ynmsK8TyxniLv1h4N8bxsJk8z6FIbDsIyxmgNh6IZAAADvgTb0="
    ),
    "las, format 7": (
        "eNrzcQx2Y8ACGFn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YyxnLGSE8dhUG/OCBPYS+AKUPgOmGFjlHEF0wM8QRWfU0qDia/IJ8mDoHPQd8tv"
        "EwDH4ACrn/QMCIRw0TEP8DqmHBo4YZiP8C1XBCuFiVggT/ANUI4DGHFYh/A9VI4lHDBsS/gGrwxTY7lDbEo4YD6nd8kcgJ9XsgHjVcUL+n4FHD"
        "DfV7JR41AAGVP+g="
    ),
    "laz, format 0": (
        "eNrzcQx2Y8ACGJn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YHzM4MgLNAvIaRBh4cBj0Z+XHS75JAfboNEiuoUXOEUQXzAxxRNYzDSqOJr8gH6"
        "bOQc8BxalVmQUKqXnJ+SmpKQwMe8I0GDJKSgqs9PUhUnr5RelormICYSYIO+AwA8N/NMDIwMYgAlQ1nRF3EDGaRjud3rBcjvWI0lOhYAGND9U7"
        "/iYwvBdnOVC8/O4BqZ69glP+dShbMkytqH2QzGiXIJ91u5jzexxMNxBbfQcSAB2aWWM="
    ),
    "laz, format 6": (
        "eNrzcQx2Y8ACGFn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YyxmvMgLNAvLa5HAa9Gflx0u+SQH26DRIrqFFzhFEF8wMcUTWMw0qjia/IB+mzk"
        "HPAY/bGXgYBhoAg68qs0AhNS85PyU1hYFhT5gGQ0ZJSYGVvj5ESi+/KB1NDzMQMzFB2AGHGRj+owFGBi4GOaCqHCZiXAAKAxUgliQUJrNmWUk6"
        "Xv+kI9/pHW+rAXXK+Yk8B6BJBYhtL7/eO3P1g88Lj3JGXi1ZvUVwu4DtXkjq+f8ApghGO8UACQB3jFch"
    ),
    "laz, format 10": (
        "eNrzcQx2Y8ACGFn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YyxkfMgLNAvK6nHEa9Gflx0u+SQH26DRIrqFFzhFEF8wMcUTWMw0qjia/IB+mzk"
        "HPAY/bGXgYBhoAg68qs0AhNS85PyU1hYFhT5gJQ0ZJSYGVvj5ESi+/KB1NDzMQMzFB2AGHGRj+owFmBi4GOaAqHgYOIMnLIAskVzJRzcmgQFMB"
        "YklSAnHWLCtJx+ufdOQ7veNtNaD+OD+R5wA0nQGx7eXXe2eufvB54VHOyKslq7cIbhew3QtJev8fwBTBaOcbQAIAwT9YYg=="
    ),
}


def survey(name: str) -> bytes:
    return zlib.decompress(base64.b64decode(BY_LASPY[name]))


def read(data: bytes, format_name: str) -> PointCloud:
    return read_point_cloud(io.BytesIO(data), format=format_name)


def placed(cloud: PointCloud) -> Array:
    found: Array = cloud.points + np.array(cloud.origin)
    return found


K = np.arange(12)
SURVEYED = np.stack((K * 0.5 + 500_000, 5_400_000 - K % 7 * 0.25, K * K * 0.125), 1)[K != 3]
WITHHELD = "1 of 12 points marked as withheld left out"


@needs_lazrs
@pytest.mark.parametrize("name", BY_LASPY)
def test_surveys_by_laspy(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{name[:3]}"
    path.write_bytes(survey(name))
    cloud = read_point_cloud(path)
    assert cloud.notes == (WITHHELD,)
    np.testing.assert_allclose(placed(cloud), SURVEYED, rtol=0, atol=1e-6)


@needs_lazrs
def test_laz_by_the_name_of_las_is_laz(tmp_path: Path) -> None:
    (tmp_path / "a.las").write_bytes(survey("laz, format 3"))
    np.testing.assert_allclose(placed(read_point_cloud(tmp_path / "a.las")), SURVEYED, rtol=0, atol=1e-6)


@needs_lazrs
@pytest.mark.parametrize("point_format", [3, 7])
def test_many_points_in_many_chunks(point_format: int) -> None:
    """More than laspy puts into one chunk (50,000), and more than are unpacked at a time."""
    laspy = pytest.importorskip("laspy", reason="laspy is missing: pip install laspy")
    header = laspy.LasHeader(point_format=point_format, version="1.4")
    header.offsets, header.scales = [500_000, 5_400_000, 0], [0.001, 0.001, 0.01]
    las = laspy.LasData(header)
    points = np.random.default_rng(5).integers(0, 10_000, (120_000, 3))
    las.X, las.Y, las.Z = points.T
    file = io.BytesIO()
    las.write(file, do_compress=True, laz_backend=laspy.LazBackend.Lazrs)
    expected = points * [0.001, 0.001, 0.01] + [500_000, 5_400_000, 0]
    cloud = read(file.getvalue(), "las")
    assert cloud.notes == ()
    np.testing.assert_allclose(placed(cloud), expected, rtol=0, atol=1e-5)


@needs_lazrs
def test_laz_cut_anywhere_gives_its_points_or_none() -> None:
    data = survey("laz, format 3")
    for at in range(330, len(data), 60):
        try:
            cloud = read(data[:at], "las")
        except InputError:
            continue
        np.testing.assert_allclose(placed(cloud), SURVEYED, rtol=0, atol=1e-6)


@needs_lazrs
def test_points_outside_the_box_of_the_header_are_said() -> None:
    """LASzip has no checksum: what a flipped bit makes shows in the box alone."""
    data = bytearray(survey("laz, format 0"))
    data[179:187] = np.float64(500_002.0).tobytes()  # the largest x
    assert read(bytes(data), "las").notes == (
        WITHHELD,
        "7 of 12 points lie outside the box of the header: the file may be damaged",
    )


@needs_lazrs
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda d: d.replace(b"laszip encoded", b"laszip encodes"), "a record 'laszip encoded' behind the header"),
        (lambda d: d[:107] + (10**9).to_bytes(4, "little") + d[111:], "1 to 10000000 points, got 1000000000"),
        (
            lambda d: d[:105] + (1000).to_bytes(2, "little") + d[107:],
            "LAZ points of 1000 bytes, as the header says, got",
        ),
        (lambda d: d[:-60], "unpacked, got damaged ones|bytes that its reader ended on"),
    ],
)
def test_laz_that_is_refused(change: Any, refusal: str) -> None:
    with pytest.raises(InputError, match=refusal):
        read(change(survey("laz, format 3")), "las")


QUARTER = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]  # w x y z: a quarter about z
POINTS = np.round(np.random.default_rng(1).normal(size=(40, 3)) * [9, 7, 2] * 8) / 8
FAR = np.array([500_000.0, 5_400_000.0, 300.0])
INVALID = (np.arange(40) % 4 == 0).astype(np.uint8) * (1 + np.arange(40) % 3 % 2).astype(np.uint8)


def turned(points: Array) -> Array:
    """A quarter about z: x becomes y, y becomes -x."""
    found: Array = points[:, [1, 0, 2]] * [-1, 1, 1]
    return found


def spherical(points: Array) -> dict[str, Array]:
    distance = np.sqrt((points**2).sum(1))
    return {
        "sphericalRange": distance,
        "sphericalAzimuth": np.arctan2(points[:, 1], points[:, 0]),
        "sphericalElevation": np.arcsin(points[:, 2] / distance),
    }


SCANS: dict[str, tuple[list[Scan], Array, int]] = {
    "one scan": ([Scan(cartesian(POINTS))], POINTS, 0),
    "a pose": ([Scan(cartesian(POINTS), QUARTER, FAR)], turned(POINTS) + FAR, 0),
    "a pose that only turns": ([Scan(cartesian(POINTS), QUARTER)], turned(POINTS), 0),
    "a pose that only moves": ([Scan(cartesian(POINTS), (), FAR)], POINTS + FAR, 0),
    "a quaternion of another length": ([Scan(cartesian(POINTS), np.array(QUARTER) * 1.1)], turned(POINTS), 0),
    "invalid points": ([Scan(cartesian(POINTS, INVALID))], POINTS[INVALID == 0], 10),
    "invalid points under a pose": (
        [Scan(cartesian(POINTS, INVALID), QUARTER, FAR)],
        (turned(POINTS) + FAR)[INVALID == 0],
        10,
    ),
    "scaled integers": (
        [Scan(cartesian(POINTS), scales={f"cartesian{a}": 0.125 for a in "XYZ"})],
        POINTS,
        0,
    ),
    "far away": ([Scan(cartesian(POINTS + FAR))], POINTS + FAR, 0),
    "spherical": ([Scan(spherical(POINTS), QUARTER, FAR)], turned(POINTS) + FAR, 0),
    "other fields": ([Scan({"intensity": POINTS[:, 0]} | cartesian(POINTS) | {"rowIndex": INVALID})], POINTS, 0),
    "three scans": (
        [
            Scan(cartesian(POINTS, INVALID), QUARTER, FAR),
            Scan(cartesian(POINTS[:7]), (), FAR + 1),
            Scan(spherical(POINTS[3:]), (), FAR - 5),
        ],
        np.r_[(turned(POINTS) + FAR)[INVALID == 0], POINTS[:7] + FAR + 1, POINTS[3:] + FAR - 5],
        10,
    ),
}


@needs_pye57
@pytest.mark.parametrize("name", SCANS)
def test_scans_of_e57(name: str, tmp_path: Path) -> None:
    scans, points, invalid = SCANS[name]
    (tmp_path / "a.e57").write_bytes(e57(*scans))
    cloud = read_point_cloud(tmp_path / "a.e57")
    np.testing.assert_allclose(placed(cloud), points, rtol=0, atol=1e-6)
    assert cloud.left_out_count == invalid
    total = len(points) + invalid
    said = [f"{len(scans)} scans joined by their poses"] if len(scans) > 1 else []
    if invalid:
        said += [f"{invalid} of {total} points marked as invalid"]
        said += [f"{invalid} of {total} points without a finite place (NaN or infinite) left out"]
    assert list(cloud.notes) == said
    if "pose" in name and "only turns" not in name and len(points) == 40:  # far away, and no digit of the shape lost
        near = (points - points[0]).astype(np.float32)
        np.testing.assert_allclose(cloud.points - cloud.points[0], near, rtol=0, atol=1e-5)


@needs_pye57
def test_e57_is_read_as_pye57_reads_it(tmp_path: Path) -> None:
    """A second opinion on quaternions that turn about no axis of the coordinates."""
    import pye57

    path = tmp_path / "a.e57"
    path.write_bytes(e57(Scan(cartesian(POINTS), [0.5, -0.1, 0.7, 0.5], [1, 2, 3])))
    with pye57.E57(str(path)) as file:
        found = file.read_scan(0, ignore_missing_fields=True)
    expected = np.stack([found[f"cartesian{axis}"] for axis in "XYZ"], 1)
    np.testing.assert_allclose(read_point_cloud(path).points, expected, rtol=0, atol=1e-5)


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    assert old in data
    return with_checksums(data.replace(old, new))


@needs_pye57
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda d: b"ASTM-E58" + d[8:], "begins with ASTM-E57"),
        (lambda d: d[:-1], "a damaged one|whole E57"),
        (lambda d: d[:100] + b"\xff" + d[101:], "a damaged one|checksum"),
        (lambda d: d[:40] + bytes(8) + d[48:], "pages of 1024 bytes"),
        (lambda d: d[:32] + (10**12).to_bytes(8, "little") + d[40:], "XML of up to 67108864 bytes"),
        (
            lambda d: replaced(d, b'<guid type="String">', b"<!DOCTYPE a [      ]>"[:20]),
            "declares no types or entities",
        ),
        (lambda d: replaced(d, b'encoding="UTF-8"', b'encoding="UTF-7"'), "XML in UTF-8, got another encoding"),
        (lambda d: replaced(d, b"<guid", b"\0guid"), "XML in UTF-8"),
        (lambda d: replaced(d, b'recordCount="40"', b'recordCount="0" '), "1 to 10000000 points in 1 scans, got 0"),
        (lambda d: replaced(d, b'recordCount="40"', b'recordCount="41"'), "damaged|40"),
        (lambda d: replaced(d, b"cartesianZ", b"cartesianW"), "cartesian or spherical coordinates, got|damaged"),
    ],
)
def test_e57_that_is_refused(change: Any, refusal: str) -> None:
    with pytest.raises(InputError, match=refusal):
        read(change(e57(Scan(cartesian(POINTS)))), "e57")


@needs_pye57
def test_e57_without_a_rotation_that_is_one() -> None:
    with pytest.raises(InputError, match="unit quaternion, got"):
        read(e57(Scan(cartesian(POINTS), [0, 0, 0, 0])), "e57")


NO_SCANS = struct.pack("<8sIIQQQQ", b"ASTM-E57", 1, 0, 52, 48, 4, 1024) + b"<a/>"


@pytest.mark.parametrize(
    ("module", "data", "format_name", "words"),
    [
        (
            laz,
            survey("laz, format 3"),
            "las",
            r"LAZ needs lazrs: pip install 'isthmus\[laz\]'; or unpack it: laszip -i",
        ),
        (reader_e57, NO_SCANS, "e57", r"E57 needs pye57: pip install 'isthmus\[e57\]'; or save it as PLY"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    module: Any, data: bytes, format_name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match=rf"standard input \(read as {format_name}\): {words}"):
        read(data, format_name)


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


@needs_lazrs
@pytest.mark.slow
@pytest.mark.parametrize("name", ["laz, format 3", "laz, format 6"])
def test_damaged_laz_ends_a_process_apart_at_most(name: str) -> None:
    """lazrs aborts where the table of chunks, at the end, names more of them than there is memory for."""
    data = survey(name)
    damaged = [flipped(data, at, bit) for at in range(len(data) - 12, len(data)) for bit in range(0, 8, 3)]
    damaged += [flipped(data, at, at % 8) for at in range(0, len(data), 17)] + [
        data[:at] for at in range(0, len(data), 60)
    ]
    ends = forked.ends_of(laz.unpack, damaged, max_memory_bytes=apart.MAX_MEMORY_BYTES)
    assert len(ends) == len(damaged)
    assert forked.ENDLESS not in ends
    assert forked.ANSWERED in ends
    brought_down = [content for content, end in zip(damaged, ends, strict=True) if end in (forked.ENDED, forked.RAISED)]
    for content in brought_down[:3]:
        with pytest.raises(InputError, match="bytes that its reader ended on"):
            read(content, "las")


@needs_pye57
@pytest.mark.slow
def test_damaged_e57_ends_a_process_apart_at_most() -> None:
    data = e57(Scan(cartesian(POINTS[:6], INVALID[:6]), QUARTER, FAR))
    damaged = [with_checksums(flipped(data, at, at % 8)) for at in range(0, len(data), 19)]
    damaged += [data[:at] for at in range(0, len(data), 200)]
    passed = []
    for content in damaged:
        try:
            reader_e57.check_xml(content)
        except InputError:
            continue
        passed.append(content)
    assert len(passed) > 50
    ends = forked.ends_of(reader_e57.join_scans, passed, "1000", max_memory_bytes=apart.MAX_MEMORY_BYTES)
    assert len(ends) == len(passed)
    assert forked.ENDLESS not in ends
    assert {forked.ANSWERED, forked.REFUSED} <= {*ends}
    brought_down = [content for content, end in zip(passed, ends, strict=True) if end in (forked.ENDED, forked.RAISED)]
    for content in brought_down[:3]:
        with pytest.raises(InputError, match="bytes that its reader ended on"):
            read(content, "e57")
