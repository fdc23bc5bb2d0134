"""Files of points as people have them: each comes out right, or is refused with the next step; never as another cloud.

A case is what is in the file, and what must come out: the points, worked out here from the numbers that were put in, or
words of the refusal. The numbers are put in by struct and NumPy, never by the readers' own code.
"""

from __future__ import annotations

import base64
import io
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import tiny_codec
from support.tiny_zoo import POINTS

from isthmus.codec import load
from isthmus.common.errors import InputError
from isthmus.common.signals import PointCloud
from isthmus.data.pointcloud.files import read_point_cloud

Array = npt.NDArray[Any]

rng = np.random.default_rng(11)

# Halves: every format and type holds them exactly.
NEAR: Array = np.round(rng.normal(size=(40, 3)) * [9, 7, 2] * 2) / 2
WHOLE: Array = np.abs(np.round(NEAR * 2))
UTM: Array = rng.random((60, 3)) * [3, 2, 1] + [500_000, 5_400_000, 300]
SCAN: Array = rng.normal(size=(600, 3)) * [20, 15, 1.5]
INTENSITY, RING = rng.random((600, 1)), rng.integers(0, 32, (600, 1)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Case:
    """A file and what must come out of it.

    Attributes:
        suffix: of its name.
        data: of it.
        points: that must come out, within `tolerance`; None where it is refused.
        refusal: a regular expression of what is said then.
        left_out: points that are counted and not there.
        options: of `read_point_cloud`.
    """

    suffix: str
    data: bytes
    points: Array | None = None
    refusal: str = ""
    left_out: int = 0
    tolerance: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


def pcd(columns: dict[str, Array], kind: str, *, height: int = 1, counts: dict[str, int] | None = None) -> bytes:
    """Fields in their order, each in its own type; of a count above 1 all numbers are the same."""
    times = counts or {}
    names = [name.split("~")[0] for name in columns]  # "_~2" is a second field of padding
    sizes = [str(c.dtype.itemsize) for c in columns.values()]
    types = [c.dtype.kind.upper() for c in columns.values()]
    rows = len(next(iter(columns.values())))
    head = (
        f"# .PCD v0.7\nVERSION 0.7\nFIELDS {' '.join(names)}\nSIZE {' '.join(sizes)}\nTYPE {' '.join(types)}\n"
        f"COUNT {' '.join(str(times.get(name, 1)) for name in columns)}\nWIDTH {rows // height}\nHEIGHT {height}\n"
        f"VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {rows}\nDATA {kind}\n"
    ).encode()
    wide = [np.repeat(c[:, None], times.get(name, 1), 1) for name, c in columns.items()]
    if kind == "ascii":
        return (
            head + "".join(" ".join(str(v) for c in wide for v in c[k].tolist()) + "\n" for k in range(rows)).encode()
        )
    if kind == "binary":
        return head + b"".join(c[k].tobytes() for k in range(rows) for c in wide)
    body = b"".join(c.tobytes() for c in wide)
    packed = b"".join(
        bytes([len(piece) - 1]) + piece for piece in (body[at : at + 32] for at in range(0, len(body), 32))
    )
    return head + struct.pack("<II", len(packed), len(body)) + packed


def xyz_of(points: Array, kind: str) -> dict[str, Array]:
    return {axis: points[:, k].astype(kind) for k, axis in enumerate("xyz")}


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def rows(points: Array, between: str = " ", heading: str = "") -> str:
    return heading + "".join(between.join(map(repr, row)) + "\n" for row in points.tolist())


def ply(points: Array, body: bytes, kind: str, number: str) -> bytes:
    properties = "".join(f"property {number} {axis}\n" for axis in "xyz")
    return f"ply\nformat {kind} 1.0\nelement vertex {len(points)}\n{properties}end_header\n".encode() + body


def bin_of(*columns: Array, kind: str = "<f4") -> bytes:
    return np.concatenate(columns, 1).astype(kind).tobytes()


def pcd_cases() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for kind in ("ascii", "binary", "binary_compressed"):
        for dtype in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
            points = WHOLE if dtype[0] in "iu" else NEAR
            found[f"pcd {kind}, {dtype}"] = Case(".pcd", pcd(xyz_of(points, dtype), kind), points)
        zeros = np.zeros(len(NEAR))
        mixed = {
            "stamp": zeros.astype("f8") + 1.7e9,
            "z": NEAR[:, 2].astype("f8"),
            "ring": zeros.astype("u1"),
            "x": NEAR[:, 0].astype("f4"),
            "normal": zeros.astype("f4") + 5,
            "y": NEAR[:, 1].astype("f8"),
        }
        found[f"pcd {kind}, mixed sizes and order, a count of 3"] = Case(
            ".pcd", pcd(mixed, kind, counts={"normal": 3}), NEAR
        )
        x, y, z = xyz_of(NEAR, "f4").values()
        padded = {"_": zeros.astype("u1"), "x": x, "_~2": zeros.astype("f4"), "y": y, "z": z, "_~3": zeros.astype("u2")}
        found[f"pcd {kind}, padding"] = Case(".pcd", pcd(padded, kind, counts={"_": 3, "_~3": 2}), NEAR)
        found[f"pcd {kind}, far away"] = Case(".pcd", pcd(xyz_of(UTM, "f8"), kind), UTM, tolerance=1e-6)
        lost = np.array([*NEAR[:5].tolist(), [np.nan] * 3, *NEAR[5:6].tolist()])
        found[f"pcd {kind}, beams without a return"] = Case(".pcd", pcd(xyz_of(lost, "f8"), kind), NEAR[:6], left_out=1)
        zero = np.array([[1, 2, 3], [0, 0, 0], [4, 5, 6], [0, 0, 0], [0, 0, 7], [0, 0, 0]], np.float64)
        found[f"pcd {kind}, organised, zeros without a return"] = Case(
            ".pcd", pcd(xyz_of(zero, "f4"), kind, height=2), zero[[0, 2, 4]], left_out=3
        )
        found[f"pcd {kind}, in a row, zeros are points"] = Case(".pcd", pcd(xyz_of(zero, "f4"), kind), zero)
    whole = pcd(xyz_of(NEAR, "f8"), "binary")
    k = np.arange(12)
    by_pypcd4 = (
        b"VERSION 0.7\nFIELDS id z t x y\nSIZE 1 8 8 4 2\nTYPE U F F F I\nCOUNT 1 1 1 1 1\nWIDTH 12\nHEIGHT 1\n"
        b"VIEWPOINT 0.0 0.0 0.0 1.0 0.0 0.0 0.0\nPOINTS 12\nDATA binary_compressed\n"
    ) + base64.b64decode(
        "SQAAABQBAAAMAAECAwQFBgcICQoLACAAA4CELkFABqAHAQCBgA/gQBfgZgAAPyBv4AIDAIAgC+ADAxX///7//f/8//v/+v/5//j/9//2//X/"
    )
    found |= {
        "pcd packed by pypcd4": Case(
            ".pcd", by_pypcd4, np.stack((k // 4 * 0.5, -k, k % 3 * 0.25 + 1e6), 1).astype(np.float64)
        ),
        "pcd behind a byte order mark": Case(".pcd", b"\xef\xbb\xbf" + pcd(xyz_of(NEAR, "f4"), "ascii")[12:], NEAR),
        "pcd rounded up to a page": Case(".pcd", whole + bytes(700), NEAR),
        "pcd with more than it says": Case(".pcd", whole + b"more", refusal="960 bytes of PCD points, as the header"),
        "pcd text with a column more": Case(
            ".pcd",
            pcd(xyz_of(NEAR, "f4"), "ascii").replace(b"\nDATA ascii\n", b"\nDATA ascii\n9 "),
            refusal="numbers a line",
        ),
        "pcd of half floats": Case(".pcd", whole.replace(b"SIZE 8 8 8", b"SIZE 2 2 2"), refusal="F: 4 or 8"),
        "pcd with two x": Case(".pcd", whole.replace(b"FIELDS x y z", b"FIELDS x x z"), refusal="each once"),
    }
    return found


def far_cases() -> dict[str, Case]:
    """Map coordinates: float32 would leave seven places of sixty."""
    faces = [(3 * k, 3 * k + 1, 3 * k + 2) for k in range(20)]
    stl = "solid\n" + "".join(
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x!r} {y!r} {z!r}\n" for x, y, z in UTM[list(face)].tolist())
        + "endloop\nendfacet\n"
        for face in faces
    )
    numbers = rows(UTM).encode()
    integers: Array = np.round(UTM * 1000).astype(np.int64)
    return {
        "npy far away": Case(".npy", npy(UTM), UTM, tolerance=1e-6),
        "npy far away, integers": Case(".npy", npy(integers), integers, tolerance=1e-3),
        "xyz far away": Case(".xyz", numbers, UTM, tolerance=1e-6),
        "ply far away": Case(".ply", ply(UTM, numbers, "ascii", "double"), UTM, tolerance=1e-6),
        "ply far away, big-endian": Case(
            ".ply", ply(UTM, UTM.astype(">f8").tobytes(), "binary_big_endian", "double"), UTM, tolerance=1e-6
        ),
        "obj far away": Case(
            ".obj",
            "".join(f"v {row}\n" for row in rows(UTM).splitlines()).encode(),
            UTM,
            tolerance=1e-6,
            options={"up": "z"},
        ),
        "off far away": Case(".off", f"OFF\n{len(UTM)} 0 0\n".encode() + numbers, UTM, tolerance=1e-6),
        "bin far away": Case(".bin", bin_of(UTM, kind="<f8"), UTM, tolerance=1e-6),
        "bin far away, named": Case(
            ".bin", bin_of(UTM, kind=">f8"), UTM, tolerance=1e-6, options={"columns": "x:>f8,y:>f8,z:>f8"}
        ),
        "stl far away": Case(".stl", stl.encode(), UTM[:0], options={"points": 500}),  # drawn: see the test
    }


def text_cases() -> dict[str, Case]:
    comma = {
        name: rows(NEAR, between).replace(".", ",")
        for name, between in (("semicolons", ";"), ("blanks", " "), ("tabs", "\t"))
    }
    ident = np.c_[np.arange(40.0) + 100, NEAR]
    plain = rows(NEAR)
    found = {f"xyz with decimal commas and {name}": Case(".xyz", text.encode(), NEAR) for name, text in comma.items()}
    found["csv with decimal commas in quotes"] = Case(
        ".csv",
        "".join(",".join(f'"{v}"'.replace(".", ",") for v in row) + "\n" for row in NEAR.tolist()).encode(),
        NEAR,
    )
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        vertices = "".join(f"v {row}\n" for row in plain.splitlines())
        found |= {
            f"xyz in {encoding}": Case(".xyz", plain.encode(encoding), NEAR),
            f"off in {encoding}": Case(".off", f"OFF\n40 0 0\n{plain}".encode(encoding), NEAR),
            f"obj in {encoding}": Case(".obj", vertices.encode(encoding), NEAR, options={"up": "z"}),
            f"ply in {encoding}": Case(
                ".ply", ply(NEAR, plain.encode(), "ascii", "float").decode().encode(encoding), NEAR
            ),
        }
    headings = {
        "id,x,y,z": (ident, ","),
        "id x y z": (ident, " "),
        "# id x y z": (ident, " "),
        "//ID X Y Z": (ident, " "),
        "id;x [m];y [m];z [m]": (ident, ";"),
        "point,Easting,Northing,Height": (ident, ","),
        "z,y,x": (NEAR[:, ::-1], ","),
        '"id"\t"x"\t"y"\t"z"': (ident, "\t"),
        ",x,y,z": (ident, ","),  # pandas, with its index
        "x y z": (np.c_[np.arange(1.0, 41), NEAR], " "),  # R, with its row names
        "x y z r g b": (np.c_[NEAR, NEAR], " "),
        "u,v,w": (NEAR, ","),
        "Exported by a scanner": (np.c_[NEAR, NEAR], " "),
        "40": (NEAR, " "),
    }
    for heading, (table, between) in headings.items():
        text = rows(table, between)
        if heading == "x y z" and table.shape[1] == 4:
            text = "".join(line.replace(".0 ", " ", 1) + "\n" for line in text.splitlines())
        found[f"xyz headed {heading}"] = Case(".xyz", f"{heading}\n{text}".encode(), NEAR)
    counted = "".join(f"{k} {x!r} {y!r} {z!r}\n" for k, (x, y, z) in enumerate(NEAR.tolist()))
    refused = {
        "point, lat, lon, height": (rows(ident, ","), "project them first"),
        "id,a,b,c": (rows(ident, ","), "columns named x, y and z, got id, a, b, c; rename"),
        "x,y,intensity": (rows(NEAR, ","), "columns named x, y and z"),
        "x,x,y,z": (rows(ident, ","), "once each"),
        "id x y z": (rows(np.c_[ident, ident], " "), "a name for each of 8 columns"),
        "41": (plain, "expected 41 rows of x y z, as the first line says, got 40"),
        "": (counted, "counts the rows.*columns x,y,z,_ or _,x,y,z"),
        "# two ways": ("1,05,2,05,3,05\n" * 9, "commas may be decimal; separate columns by semicolons"),
        "# two more": ("1,5, 2,5, 3,5\n" * 2, "commas may be decimal"),
        "# all alike": ("1,5,2,5,3,5\n" * 9, "commas may be decimal"),
        "# mixed": ("1,5;2.5;3\n", "expected rows of x y z"),
        "# two columns": ("1,5 2,5\n" * 9, "expected rows of x y z"),
        "# thousands": ("1.234,5;2;3\n", "expected rows of x y z"),
    }
    found |= {
        f"xyz refused, {heading or 'counted'}": Case(".xyz", f"{heading}\n{text}".encode(), refusal=words)
        for heading, (text, words) in refused.items()
    }
    lost = plain + "nan nan nan\n1 inf 2\n"
    return found | {
        "xyz counted, with columns": Case(".xyz", counted.encode(), NEAR, options={"columns": "_,x,y,z"}),
        "xyz with columns turned about": Case(
            ".xyz", rows(NEAR[:, ::-1], ",").encode(), NEAR, options={"columns": "z,y,x"}
        ),
        "xyz without a return": Case(".xyz", lost.encode(), NEAR, left_out=2),
        "xyz without any return": Case(".xyz", b"nan nan nan\n", refusal="got 1 without a finite place"),
        "xyz in UTF-16 without its mark": Case(
            ".xyz", plain.encode("utf-16-le"), refusal="UTF-8, got a zero byte; save"
        ),
        "ply with a column more than it says": Case(
            ".ply", ply(NEAR, rows(np.c_[NEAR, NEAR[:, 0]]).encode(), "ascii", "float"), refusal="3 numbers in row 0"
        ),
        "ply with numbers left over": Case(
            ".ply", ply(NEAR, plain.encode() + b"1 2 3\n", "ascii", "float"), refusal="header, got 3 more"
        ),
    }


def sweep_cases() -> dict[str, Case]:
    one, far = SCAN.astype(np.float32).astype(np.float64), SCAN
    cube = rng.random((600, 3))
    found: dict[str, Case] = {}
    for kind in ("<f4", ">f4", "<f8", ">f8"):
        points = one if kind[2] == "4" else far
        tolerance = 1e-5
        found |= {
            f"bin of {kind}, rows of 3": Case(".bin", bin_of(points, kind=kind), points, tolerance=tolerance),
            f"bin of {kind}, rows of 4": Case(
                ".bin", bin_of(points, INTENSITY, kind=kind), points, tolerance=tolerance
            ),
            f"bin of {kind}, rows of 5": Case(
                ".bin", bin_of(points, INTENSITY * 255, RING, kind=kind), points, tolerance=tolerance
            ),
            f"bin of {kind}, rows of 6": Case(
                ".bin", bin_of(points, INTENSITY, RING, INTENSITY / 99, kind=kind), points, tolerance=tolerance
            ),
            f"pcd.bin of {kind}, rows of 4": Case(
                ".pcd.bin", bin_of(points, INTENSITY, kind=kind), points, tolerance=tolerance
            ),
            f"bin of {kind}, rows of 3, a cube": Case(
                ".bin", bin_of(cube, kind=kind), refusal="say which with --columns"
            ),
            f"bin of {kind}, rows of 3, a cube, named": Case(
                ".bin",
                bin_of(cube, kind=kind),
                cube,
                tolerance=1e-6,
                options={"columns": f"x:{kind},y:{kind},z:{kind}"},
            ),
        }
    return found | {
        "bin of whole numbers in float64": Case(".bin", bin_of(np.round(SCAN), kind="<f8"), np.round(SCAN)),
        "bin with intensities below 0": Case(".bin", bin_of(one, INTENSITY - 0.5), one),
        "bin without intensities": Case(".bin", bin_of(one, INTENSITY * 0), one),
        "bin with 16-bit intensities": Case(".bin", bin_of(one, np.round(INTENSITY * 65_535)), one),
        "bin without a return": Case(
            ".bin",
            bin_of(np.where(RING > 20, np.nan, one), INTENSITY),
            one[RING[:, 0] <= 20],
            left_out=int((RING > 20).sum()),
        ),
        "bin of noise": Case(".bin", rng.bytes(9600), refusal="no way of reading makes coordinates"),
        "bin not of its columns": Case(".bin", bin_of(SCAN[:11]), refusal="16 bytes", options={"columns": "x,y,z,_"}),
        "bin of columns without z": Case(".bin", bin_of(SCAN), refusal="x, y and z once", options={"columns": "x,y,_"}),
        "off with columns": Case(
            ".off", b"OFF\n1 0 0\n1 2 3\n", refusal="no columns for this", options={"columns": "x,y,z"}
        ),
    }


def array_cases() -> dict[str, Case]:
    fields = np.zeros(len(NEAR), [("t", "f8"), ("z", "f4"), ("x", ">f8"), ("y", "i2")])
    for k, axis in enumerate("xyz"):
        fields[axis] = NEAR[:, k] if axis != "y" else np.round(NEAR[:, k])
    turned = np.stack((WHOLE[:, 0], -WHOLE[:, 2], WHOLE[:, 1]), 1)
    return {
        "npy (3, N)": Case(".npy", npy(NEAR.T), refusal=r"got shape \[3, 40\]; transpose it: points.T"),
        "npy (4, N)": Case(".npy", npy(np.c_[NEAR, NEAR[:, 0]].T), refusal="transpose it"),
        "npy organised": Case(".npy", npy(NEAR.reshape(5, 8, 3)), refusal=r"reshape\(-1, 3\)"),
        "npy of fields": Case(".npy", npy(fields), np.stack([fields[a].astype(np.float64) for a in "xyz"], 1)),
        "npy of fields without z": Case(".npy", npy(fields[["x", "y"]]), refusal="fields x, y and z"),
        "npy with columns": Case(".npy", npy(np.c_[NEAR[:, 0], NEAR]), NEAR, options={"columns": "_,x,y,z"}),
        "npy of other columns": Case(".npy", npy(NEAR), refusal="4 columns, as named", options={"columns": "_,x,y,z"}),
        "npy without a return": Case(".npy", npy(np.r_[NEAR, [[np.nan, 0, 0]]]), NEAR, left_out=1),
        "npy of unsigned bytes, y up": Case(".npy", npy(WHOLE.astype("u1")), turned, options={"up": "y"}),
        "a picture": Case(".heic", b"x", refusal=r"a point cloud \(\.off.*an image \(\.png.*or a video \("),
    }


CASES = pcd_cases() | far_cases() | text_cases() | sweep_cases() | array_cases()


@pytest.mark.parametrize("name", CASES)
def test_each_file_comes_out_right_or_is_refused(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / f"cloud{case.suffix}"
    path.write_bytes(case.data)
    if case.points is None:
        with pytest.raises(InputError, match=case.refusal):
            read_point_cloud(path, **case.options)
        return
    cloud = read_point_cloud(path, **case.options)
    assert cloud.left_out_count == case.left_out
    if name == "stl far away":
        placed = cloud.points + np.array(cloud.origin)
        assert (placed >= UTM.min(0) - 1e-6).all()
        assert (placed <= UTM.max(0) + 1e-6).all()
        assert len(np.unique(cloud.points[:, 1])) > 490
        return
    assert cloud.points.shape == case.points.shape
    np.testing.assert_allclose(cloud.points + np.array(cloud.origin), case.points, rtol=0, atol=case.tolerance)


@pytest.mark.parametrize("name", [name for name in CASES if "far away" in name and "stl" not in name])
def test_the_shape_far_away_is_the_shape_near_by(name: str, tmp_path: Path) -> None:
    """To a ten-thousandth of its size, where a cast to float32 would leave steps of a half."""
    case = CASES[name]
    path = tmp_path / f"cloud{case.suffix}"
    path.write_bytes(case.data)
    points = read_point_cloud(path, **case.options).points
    scale = 1000 if "integers" in name else 1
    expected = (UTM - UTM[0]) * scale
    np.testing.assert_allclose(points - points[0], expected, rtol=0, atol=1e-3 * scale)


LETTER_L = "0 0 0\n2 0 0\n2 1 0\n1 1 0\n1 2 0\n0 2 0\n"
ARROW = "0 0 0\n2 -1 0\n0 3 0\n-2 -1 0\n"
CONCAVE = {
    "off, six corners": (".off", f"OFF\n6 1 0\n{LETTER_L}6 0 1 2 3 4 5\n", 3.0),
    "off, six corners, from the one that fails": (".off", f"OFF\n6 1 0\n{LETTER_L}6 1 2 3 4 5 0\n", 3.0),
    "obj, six corners": (".obj", "".join(f"v {r}\n" for r in LETTER_L.splitlines()) + "f 2 3 4 5 6 1\n", 3.0),
    "ply, six corners": (
        ".ply",
        "ply\nformat ascii 1.0\nelement vertex 6\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face 1\nproperty list uchar int vertex_indices\nend_header\n{LETTER_L}6 1 2 3 4 5 0\n",
        3.0,
    ),
    "off, an arrow of four": (".off", f"OFF\n4 1 0\n{ARROW}4 1 2 3 0\n", 8.0 - 2.0),
}


@pytest.mark.parametrize("name", CONCAVE)
def test_points_of_concave_faces_lie_on_them(name: str, tmp_path: Path) -> None:
    suffix, text, area = CONCAVE[name]
    path = tmp_path / f"mesh{suffix}"
    path.write_text(text)
    x, y, z = read_point_cloud(path, points=3000, up="z").points.T.astype(np.float64)
    assert not z.any()
    if area == 3.0:
        assert not ((x > 1 + 1e-6) & (y > 1 + 1e-6)).any()
        shares = [((x <= 1) & (y <= 1)).mean(), ((x > 1) & (y <= 1)).mean(), ((x <= 1) & (y > 1)).mean()]
        np.testing.assert_allclose(shares, 1 / 3, atol=0.04)
    else:
        assert (y >= -np.abs(x) / 2 - 1e-6).all()
        assert (y <= 3 - 2 * np.abs(x) + 1e-6).all()
        assert (x > 0).mean() == pytest.approx(0.5, abs=0.04)


def test_a_program_s_arrays_and_files_give_the_bits_of_the_shape(zoo: Path, tmp_path: Path) -> None:
    """Wherever a cloud lies, and whatever came without a return, through the whole edge half."""
    codec = load(POINTS, zoo=zoo)
    (near,) = tiny_codec.clouds(1)
    shape = near.points.astype(np.float64)
    expected = codec.encode(near).packet
    far = shape + np.array([4_100_000.0, 800_000.0, 4_800_000.0])
    lost = np.insert(far, 3, np.nan, 0)
    np.save(tmp_path / "far.npy", far)
    for given in (far, lost, far.tolist(), PointCloud.of(lost), tmp_path / "far.npy"):
        assert codec.encode(given).packet == expected
    np.save(tmp_path / "turned.npy", lost[:, [1, 2, 0]])
    assert load(POINTS, zoo=zoo, columns="z,x,y").encode(tmp_path / "turned.npy").packet != expected
    assert load(POINTS, zoo=zoo, columns="y,z,x").encode(tmp_path / "turned.npy").packet == expected
    with pytest.raises(InputError, match=r"got shape \[3, 32\]; transpose it"):
        codec.encode(far.T)
