"""isthmus.data.pointcloud.files, and the readers behind it"""

from __future__ import annotations

import importlib
import io
import itertools
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import scene_files

from isthmus.common.errors import InputError
from isthmus.common.signals import PointCloud
from isthmus.data.pointcloud import files
from isthmus.data.pointcloud.files import DEFAULT_UP, point_cloud_paths, read_point_cloud, to_z_up
from isthmus.data.pointcloud.formats import FORMATS, format_of, is_point_cloud_name

Array = npt.NDArray[Any]

POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3.5]], np.float32)
ROWS = [" ".join(map(str, row)) for row in POINTS.tolist()]
TRIANGLE = b"OFF\n3 1 0\n0 0 0\n2 0 0\n0 2 0\n3 0 1 2\n"
PLY = (
    "ply\nformat {kind} 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\nproperty float z\n"
    "element face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
)
PCD = (
    "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {n}\nHEIGHT 1\n"
    "VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {n}\nDATA {kind}\n"
)
STL = struct.pack("<80xI", 1) + struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0)


def read(data: bytes, format_name: str, **options: Any) -> PointCloud:
    return read_point_cloud(io.BytesIO(data), format=format_name, **options)


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def ply(
    vertices: Sequence[Sequence[object]] | Array, faces: Sequence[Sequence[object]] = (), kind: str = "ascii"
) -> bytes:
    head = PLY.format(kind=kind, vertices=len(vertices), faces=len(faces)).encode()
    if kind == "ascii":
        rows = [" ".join(map(str, v)) for v in vertices] + [f"{len(f)} " + " ".join(map(str, f)) for f in faces]
        return head + "".join(row + "\n" for row in rows).encode()
    return (
        head + np.asarray(vertices, "<f4").tobytes() + b"".join(struct.pack(f"<B{len(f)}i", len(f), *f) for f in faces)
    )


def pcd(points: Array, kind: str = "ascii") -> bytes:
    head = PCD.format(n=len(points), kind=kind).encode()
    if kind == "ascii":
        return head + "".join(" ".join(map(str, p)) + "\n" for p in np.asarray(points).tolist()).encode()
    return head + np.asarray(points, "<f4").tobytes()


def packed_pcd(claimed_bytes: int, packed: bytes = b"\xff" * 4) -> bytes:
    """A compressed PCD; by itself its four packed bytes are not what they should be."""
    head = PCD.format(n=4, kind="binary_compressed").encode()
    return head + struct.pack("<II", len(packed), claimed_bytes) + packed


def las(points: Array) -> bytes:
    """LAS 1.2 of format 0, in halves of a metre."""
    rows = b"".join(struct.pack("<3i8x", *np.rint(2 * p).astype(int).tolist()) for p in points)
    head = struct.pack(
        "<4s20xBB68xHIIBHI20x6d48x", b"LASF", 1, 2, 227, 227, 0, 0, 20, len(points), *[0.5] * 3, *[0.0] * 3
    )
    return head + rows


CLOUDS = {
    "off vertices only": ("off", "\n".join(["OFF", "4 0 0", *ROWS]).encode()),
    "off glued header": ("off", "\n".join(["OFF4 0 0", *ROWS]).encode()),
    "off counts beside it": ("off", "\n".join(["OFF 4 0 0", *ROWS]).encode()),
    "off comments, CRLF": (
        "off",
        "\r\n".join(["# made by", "OFF # x", "", "4 0", *(r + " # p" for r in ROWS)]).encode(),
    ),
    "off colours": ("off", "\n".join(["COFF", "4 0 0", *(r + " 255 0 0 255" for r in ROWS)]).encode()),
    "xyz": ("xyz", "\n".join(ROWS).encode()),
    "xyz commas": ("xyz", "\n".join(r.replace(" ", ", ") for r in ROWS).encode()),
    "xyz semicolons": ("xyz", "\n".join(r.replace(" ", ";") for r in ROWS).encode()),
    "xyz more columns": ("xyz", "\n".join(r + " 0.1 0.2 label" for r in ROWS).encode()),
    "xyz ragged columns": ("xyz", "\n".join(r + " 7" * i for i, r in enumerate(ROWS)).encode()),
    "xyz heading": ("xyz", "\n".join(["x,y,z", *ROWS]).encode()),
    "xyz count": ("xyz", "\n".join(["4", *ROWS]).encode()),
    "xyz comments": ("xyz", "\n".join(["# head", "//X Y Z", "", *ROWS, "# end"]).encode()),
    "npy": ("npy", npy(POINTS)),
    "npy float64, fortran": ("npy", npy(np.asfortranarray(POINTS.astype(np.float64)))),
    "npy big-endian, extra column": ("npy", npy(np.c_[POINTS, POINTS[:, :1]].astype(">f4"))),
    "las": ("las", las(POINTS)),
    "gltf": ("gltf", scene_files.Gltf().pointed(POINTS).glb()),
    "gltf text": ("gltf", scene_files.Gltf().pointed(POINTS).gltf()),
    "dae": ("dae", scene_files.dae("", points=POINTS)),
    "bin": ("bin", np.c_[POINTS, np.ones(4)].astype("<f4").tobytes()),
    "bin5": ("bin5", np.c_[POINTS, np.ones((4, 2))].astype("<f4").tobytes()),
    "obj vertices only": ("obj", "\n".join(["# x", *("v " + r for r in ROWS)]).encode()),
    "obj vertices and lines": ("obj", "\n".join([*("v " + r + " 0.5 0.5 0.5" for r in ROWS), "l 1 2"]).encode()),
    "ply": ("ply", ply(POINTS.tolist())),
    "ply binary": ("ply", ply(POINTS, kind="binary_little_endian")),
    "pcd": ("pcd", pcd(POINTS)),
    "pcd binary": ("pcd", pcd(POINTS, "binary")),
    "pcd with lost beams": ("pcd", pcd(np.insert(POINTS, 1, np.nan, 0), "binary")),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_points_come_back_in_order(name: str) -> None:
    format_name, data = CLOUDS[name]
    cloud = read(data, format_name, up="z")
    np.testing.assert_array_equal(cloud.points, POINTS)


SQUARE = [(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0)]
MESHES = {
    "off triangles": ("off", b"OFF\n4 2 0\n0 0 0\n2 0 0\n2 2 0\n0 2 0\n3 0 1 2\n3 0 2 3\n"),
    "off square": ("off", b"OFF\n4 1 0\n0 0 0\n2 0 0\n2 2 0\n0 2 0\n4 0 1 2 3 255 0 0\n"),
    "off mixed": ("off", b"OFF\n4 4 0\n0 0 0\n2 0 0\n2 2 0\n0 2 0\n3 0 1 2\n3  2 3 0\n2 0 1\n1 3\n"),
    "obj square": ("obj", b"mtllib none.mtl\nv 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nvt 0 0\nf 1/1 2/1 3/1 4/1\n"),
    "obj from the end": ("obj", b"v 0 0 0\nv 2 0 0\nv 2 2 0\nf -3//1 -2//1 -1//1\nv 0 2 0\nf \\\n1 -2 \\\r\n-1\n"),
    "ply square": ("ply", ply(SQUARE, [(0, 1, 2, 3)])),
    "ply binary": ("ply", ply(SQUARE, [(0, 1, 2), (0, 2, 3)], "binary_little_endian")),
    "ply binary, mixed": ("ply", ply(SQUARE, [(), (0, 1, 2), (3,), (0, 2, 3)], "binary_little_endian")),
    "ply other order": ("ply", ply(SQUARE, [(0, 1, 2, 3)]).replace(b"vertex_indices", b"vertex_index")),
    "gltf": ("gltf", scene_files.Gltf().squared(SQUARE).glb()),
    "3mf": ("3mf", scene_files.square_3mf(vertices=np.array(SQUARE, np.float64))),
    "dae": ("dae", scene_files.dae(points=np.array(SQUARE, np.float64))),
    "stl": ("stl", struct.pack("<80xI", 2) + STL[84:] + struct.pack("<12fH", 0, 0, 1, 2, 2, 0, 2, 0, 0, 0, 2, 0, 0)),
    "stl text": (
        "stl",
        b"solid s\n"
        + b"".join(
            b"facet normal 0 0 1\nouter loop\nvertex %s\nvertex %s\nvertex %s\nendloop\nendfacet\n" % corners
            for corners in ((b"0 0 0", b"2 0 0", b"2 2 0"), (b"0 0 0", b"2 2 0", b"0 2 0"))
        )
        + b"endsolid s\n",
    ),
}


@pytest.mark.parametrize("name", MESHES)
def test_meshes_are_sampled_evenly_on_their_surface(name: str) -> None:
    format_name, data = MESHES[name]
    points = read(data, format_name, points=4000, seed=1, up="z").points
    assert points.shape == (4000, 3)
    assert not points[:, 2].any()
    assert points[:, :2].min() >= 0
    assert points[:, :2].max() <= 2
    quarters = np.histogram2d(points[:, 0], points[:, 1], bins=2, range=[[0, 2]] * 2)[0]
    assert np.abs(quarters - 1000).max() < 150


def test_what_open3d_writes_is_read_alike(tmp_path: Path) -> None:
    """A second implementation as the oracle: same vertices, same surface."""
    try:
        open3d = importlib.import_module("open3d")
    except (ImportError, OSError) as error:  # its wheel needs the system's libusb-1.0
        pytest.skip(f"Open3D does not import: {error}")
    ball = open3d.geometry.TriangleMesh.create_sphere(2.0, 8)
    ball.compute_vertex_normals()
    for name, options in (
        ("a.ply", {"write_ascii": True}),
        ("b.ply", {}),
        ("c.obj", {"write_vertex_normals": False}),
        ("d.stl", {}),
        ("e.off", {}),
    ):
        if name == "c.obj":
            ball.triangle_normals.clear()
        if name == "d.stl":
            ball.compute_triangle_normals()
        assert open3d.io.write_triangle_mesh(str(tmp_path / name), ball, **options)
        points = read_point_cloud(tmp_path / name, points=3000, up="z").points
        radii = np.sqrt((points**2).sum(1))
        assert 1.8 < radii.min() < radii.max() < 2.0001, name
        assert np.abs(points.mean(0)).max() < 0.15, name
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(POINTS.astype(np.float64)))
    for name, options in (
        ("f.ply", {}),
        ("g.ply", {"write_ascii": True}),
        ("h.pcd", {"compressed": True}),
        ("i.pcd", {}),
    ):
        assert open3d.io.write_point_cloud(str(tmp_path / name), cloud, **options)
        np.testing.assert_array_equal(read_point_cloud(tmp_path / name).points, POINTS)


def test_sampling_follows_seed_and_count() -> None:
    first = read(TRIANGLE, "off", points=100, seed=5).points
    assert (read(TRIANGLE, "off", points=100, seed=5).points == first).all()
    assert not (read(TRIANGLE, "off", points=100, seed=6).points == first).all()
    assert len(read(TRIANGLE, "off").points) == 2048


def test_up_axes() -> None:
    assert {name for name, up in DEFAULT_UP.items() if up == "y"} == {"obj", "gltf", "dae"}
    assert set(DEFAULT_UP) == set(FORMATS)
    turned = to_z_up(np.array([[1, 2, 3]], np.float32), "y")
    assert turned.tolist() == [[1, -3, 2]]
    assert to_z_up(turned, "z") is turned
    assert read(b"v 1 2 3\n", "obj").points.tolist() == [[1, -3, 2]]
    assert read(b"1 2 3\n", "xyz", up="y").points.tolist() == [[1, -3, 2]]
    with pytest.raises(InputError, match="up axis y or z, got 'x'"):
        to_z_up(turned, "x")  # type: ignore[arg-type]


BAD = {
    "off other word": ("off", b"PLY\n1 0 0\n0 0 0", "starts with OFF, got 'PLY'"),
    "off binary": ("off", b"OFF BINARY\n\0\0", "zero byte"),
    "off no counts": ("off", b"OFF\n", "counts 'vertices faces edges'"),
    "off 4-D": ("off", b"4OFF\n1 0 0\n0 0 0 0", "starts with OFF"),
    "off negative": ("off", b"OFF\n-1 0 0\n", "counts"),
    "off fraction": ("off", b"OFF\n1.5 0 0\n", "counts"),
    "off no vertices": ("off", b"OFF\n0 0 0\n", "header of 0 vertices"),
    "off huge": ("off", b"OFF\n1000000000000 0 0\n0 0 0\n", "header of 1000000000000 vertices"),
    "off huge faces": ("off", b"OFF\n1 1000000000000 0\n0 0 0\n", "1000000000000 faces"),
    "off 40 digits": ("off", b"OFF\n" + b"9" * 40 + b" 0 0\n0 0 0\n", "counts"),
    "off cut": ("off", b"OFF\n3 1 0\n0 0 0\n", "3 vertex lines and 1 face lines, got 1"),
    "off word in vertex": ("off", b"OFF\n1 0 0\n0 zero 0\n", "3 numbers a line in the vertices"),
    "off short vertex": ("off", b"OFF\n2 0 0\n0 0 0\n0 0\n", "3 numbers a line in the vertices"),
    "off index": ("off", TRIANGLE.replace(b"3 0 1 2", b"3 0 1 3"), "indices 0 to 2, got 3"),
    "off negative index": ("off", TRIANGLE.replace(b"3 0 1 2", b"3 0 1 -2"), "indices 0 to 2, got -2"),
    "off index past int64": ("off", TRIANGLE.replace(b"3 0 1 2", b"3 0 1 " + b"9" * 30), "faces"),
    "off polygon past int64": ("off", TRIANGLE.replace(b"3 0 1 2", b"4 0 1 2 " + b"9" * 30), "face 0"),
    "off corners": ("off", TRIANGLE.replace(b"3 0 1 2", b"99999999 0 1 2"), "1 to 1000 corners .* in face 0"),
    "off missing corner": ("off", TRIANGLE.replace(b"3 0 1 2", b"4 0 1 2"), "corners and their indices in face 0"),
    "off word in face": ("off", TRIANGLE.replace(b"3 0 1 2", b"4 0 1 2 x"), "vertex indices in face 0"),
    "off no area": ("off", TRIANGLE.replace(b"0 2 0", b"4 0 0"), "faces with an area"),
    "off nan": ("off", TRIANGLE.replace(b"0 2 0", b"0 nan 0"), "finite vertices"),
    "xyz nothing": ("xyz", b"# only\n", "no row of three numbers"),
    "xyz words": ("xyz", b"hello\nworld of words\n", "rows of x y z"),
    "xyz two columns": ("xyz", b"1 2\n3 4\n", "rows of x y z"),
    "xyz nan": ("xyz", b"nan 2 3\n1 nan 3\n", "got 2 without a finite place"),
    "xyz too large": ("xyz", b"1 2 1e300\n", "finite coordinates"),
    "xyz binary": ("xyz", b"1 2 3\n\0", "zero byte"),
    "npy no header": ("npy", b"garbage", ".npy header"),
    "npy cut header": ("npy", npy(POINTS)[:20], ".npy header"),
    "npy cut": ("npy", npy(POINTS)[:-1], "48 bytes of array for shape .*, got 47"),
    "npy more": ("npy", npy(POINTS) + b"x", "48 bytes .* got 49"),
    "npy shape": ("npy", npy(POINTS.ravel()), r"got shape \[12\]"),
    "npy columns": ("npy", npy(POINTS[:, :2]), r"got shape \[4, 2\]"),
    "npy none": ("npy", npy(POINTS[:0]), "1 to 10000000 points, got 0"),
    "npy pickle": ("npy", npy(np.array([[{}, 1, 2]], object)), "real numbers, got elements of type object"),
    "npy complex": ("npy", npy(POINTS.astype(complex)), "type complex128"),
    "npy huge": ("npy", npy(POINTS).replace(b"(4, 3), }" + b" " * 12, b"(1000000000000, 3), }"), "got 1000000000000"),
    "bin not rows": ("bin", bytes(17), "16 bytes.*got 17 bytes"),
    "bin nan": ("bin", struct.pack("<4f", 1, 2, np.nan, 0), "got 1 without a finite place"),
    "obj nothing": ("obj", b"# nothing\n", "1 to 10000000 lines 'v x y z', got 0"),
    "obj without numbers": ("obj", b"v 0 0 0\nv\nv 1 0 0\nv 0 1 0\nf 1 3 4\n", "got none in one of them"),
    "obj index": ("obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "indices 0 to 2, got 3"),
    "obj index zero": ("obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", "from 1 or below 0 in face 0"),
    "obj index before": ("obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf -4 1 2\n", "got -1"),
    "obj word": ("obj", b"v 0 0 0\nf a b c\n", "vertex indices in face 0"),
    "obj empty face": ("obj", b"v 0 0 0\nf \n", "1 to 1000 corners in face 0, got 0"),
    "obj short vertex": ("obj", b"v 0 0\n", "3 numbers a line"),
    "ply garbage": ("ply", b"not a ply", "PLY header"),
    "ply no end": ("ply", b"ply\nformat ascii 1.0\n" + b"comment x\n" * 9000, "first 65536 bytes"),
    "ply no vertices": ("ply", ply([]), "without them"),
    "ply huge": ("ply", ply(SQUARE).replace(b"vertex 4", b"vertex 4000000000000"), "vertex, got .4000000000000"),
    "ply claims more": ("ply", ply(SQUARE).replace(b"vertex 4", b"vertex 9000000"), "9000000 rows .*end in row 4"),
    "ply cut": ("ply", ply([(10.25, 10.25, 10.25)] * 4)[:-16], "3 numbers in row 3 of PLY element vertex, .* got '10'"),
    "ply cut binary": ("ply", ply(SQUARE, kind="binary_little_endian")[:-1], "got an end in row 3"),
    "ply no xyz": ("ply", ply(SQUARE).replace(b"float x", b"float a"), "with x, y and z, got a, y, z"),
    "ply index": ("ply", ply(SQUARE, [(0, 1, 99999)]), "indices 0 to 3, got 99999"),
    "ply nan": ("ply", ply([(0, 0, "nan")]), "got 1 without a finite place"),
    "pcd garbage": ("pcd", b"not a pcd", "PCD header"),
    "pcd huge": ("pcd", pcd(POINTS).replace(b"POINTS 4", b"POINTS 4000000000"), "POINTS as a whole number"),
    "pcd huge product": ("pcd", pcd(POINTS).replace(b"HEIGHT 1", b"HEIGHT 9999999"), "WIDTH x HEIGHT = POINTS"),
    "pcd cut": ("pcd", pcd(POINTS)[:-4], "numbers a line of PCD points"),
    "pcd cut binary": ("pcd", pcd(POINTS, "binary")[:-1], "48 bytes of PCD points, as the header says, got 47"),
    "pcd unknown data": ("pcd", pcd(POINTS).replace(b"DATA ascii", b"DATA runes"), "expected PCD data ascii"),
    "pcd packed claim": ("pcd", packed_pcd(2**32 - 1), "claim of"),
    "pcd packed garbage": ("pcd", packed_pcd(48), "before their start"),
    "pcd fields": ("pcd", pcd(POINTS).replace(b"SIZE 4 4 4", b"SIZE 4 4"), "one SIZE, TYPE and COUNT a field"),
    "pcd no width": ("pcd", pcd(POINTS).replace(b"WIDTH", b"width"), "PCD header with VERSION FIELDS"),
    "pcd type": ("pcd", pcd(POINTS).replace(b"F F F", b"F F X"), "of types F, I or U"),
    "pcd no z": ("pcd", pcd(POINTS).replace(b"x y z", b"x y w"), "PCD fields x y z"),
    "ply unknown line": ("ply", ply(SQUARE).replace(b"format", b"shape"), "format, element or property .*got 'shape"),
    "ply two in a line": ("ply", ply(SQUARE).replace(b"float x", b"float x element a 9"), "got 'property float x el"),
    "ply words": ("ply", ply([(0, 0, "zero")]), "numbers after the PLY header"),
    "ply no format": ("ply", ply(SQUARE).replace(b"format", b"comment"), "a format line"),
    "ply endless list": ("ply", ply(SQUARE, [(0,) * 3]).replace(b"\n3 0", b"\n1e9 0"), "in a list, got 1000000000"),
    "ply negative list": ("ply", ply(SQUARE, [(0,) * 3]).replace(b"\n3 0", b"\n-3 0"), "in a list, got -3.0 in row 0"),
    "ply nan index": ("ply", ply(SQUARE, [(0, 1, "nan")]), "vertex indices in PLY faces"),
    "ply no list": ("ply", ply(SQUARE, [(0, 1, 2)]).replace(b"vertex_indices", b"colours"), "list vertex_indices"),
    "ply unknown type": ("ply", ply(SQUARE).replace(b"float x", b"quad x"), "got 'property quad x'"),
    "pcd all lost": ("pcd", pcd(POINTS * np.nan, "binary"), "got 4 without a finite place"),
    "las garbage": ("las", b"not a las", "begins with LASF"),
    "las version": ("las", las(POINTS).replace(b"\1\2", b"\2\0", 1), "LAS 1.0 to 1.4, got 2.0"),
    "las cut": ("las", las(POINTS)[:-1], "80 bytes of LAS points, got 79"),
    "las packed": ("las", las(POINTS)[:104] + b"\x80" + las(POINTS)[105:], "'laszip encoded' behind the header"),
    "las format": ("las", las(POINTS)[:104] + b"\x0b" + las(POINTS)[105:], "format 0 to 10, got 11"),
    "las short rows": ("las", las(POINTS)[:104] + b"\x03" + las(POINTS)[105:], "format 0 to 10, got 3 of 20 bytes"),
    "las none": ("las", las(POINTS)[:107] + bytes(4) + las(POINTS)[111:], "1 to 10000000 points, got 0"),
    "las nowhere": ("las", las(POINTS)[:96] + b"\xff" * 4 + las(POINTS)[100:], "got them at 4294967295"),
    "las scale": ("las", las(POINTS)[:131] + bytes(8) + las(POINTS)[139:], "scales that are not 0"),
    "las all withheld": ("las", las(POINTS)[:227] + (b"\0" * 15 + b"\x80" + b"\0" * 4) * 4, "all marked as withheld"),
    "stl garbage": ("stl", b"not an stl", "expected an STL"),
    "stl claims more": ("stl", struct.pack("<80xI", 10**6) + STL[84:], "expected an STL"),
    "stl none": ("stl", struct.pack("<80xI", 0), "1 to 10000000 faces, got 0"),
    "stl text cut": ("stl", b"solid s\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 ", "faces, got 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_malformation_is_refused_quietly_with_its_reason(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    format_name, data, message = BAD[name]
    with pytest.raises(InputError, match=message) as caught:
        read(data, format_name)
    assert str(caught.value).startswith(f"standard input (read as {format_name}): ")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["off huge", "npy huge", "ply huge", "ply claims more", "pcd huge", "obj nothing"])
def test_claims_are_refused_before_memory_is_taken(name: str) -> None:
    format_name, data, _ = BAD[name]
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read(data, format_name)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


# These are read in a process of their own, whose tests damage them (`test_inputs_surveys`, `test_inputs_recordings`).
@pytest.mark.parametrize("format_name", [name for name in FORMATS if name not in ("e57", "pcap")])
@settings(max_examples=150)
@given(data=st.data())
def test_no_bytes_crash_a_reader(format_name: str, data: st.DataObject) -> None:
    """Damaged copies of good files, and anything at all: a cloud or an InputError."""
    good = [d for f, d in itertools.chain(CLOUDS.values(), MESHES.values()) if f == format_name]
    if data.draw(st.booleans()):
        damaged = bytearray(data.draw(st.sampled_from(good)))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            if not damaged:
                break
        content = bytes(damaged)
    else:
        content = data.draw(st.binary(max_size=200))
    try:
        cloud = read(content, format_name, points=16)
    except InputError:
        return
    assert np.isfinite(cloud.points).all()


SMALL = {
    "pcd text": ("pcd", pcd(POINTS)),
    "pcd binary": ("pcd", pcd(POINTS, "binary")),
    "pcd packed": ("pcd", packed_pcd(48, b"\x03\x00\x00\x00\x00\xe0\x23\x00")),
    "stl": ("stl", STL),
    "stl text": MESHES["stl text"],
    "las": ("las", las(POINTS)),
    "xyz": ("xyz", b"id;x;y;z\n1;0,5;1;2\n2;1,5;2;3\n"),
    "ply": ("ply", ply(SQUARE, [(0, 1, 2, 3)])),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_file_cut_or_flipped_anywhere_is_a_cloud_or_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    format_name, data = SMALL[name]
    assert len(read(data, format_name, points=4)) > 1
    damaged = [data[:at] for at in range(len(data))]
    damaged += [
        data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :] for at in range(len(data)) for bit in (0, 4, 7)
    ]
    for content in damaged:
        try:
            assert np.isfinite(read(content, format_name, points=4).points).all()
        except InputError:
            continue
    assert capfd.readouterr() == ("", "")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    with pytest.raises(InputError, match="at most 100 bytes"):
        read(bytes(112), "bin")
    monkeypatch.setattr(files, "MAX_POINTS", 3)
    for format_name, data in (CLOUDS[k] for k in ("off vertices only", "xyz", "obj vertices only")):
        with pytest.raises(InputError, match="1 to 3 "):
            read(data, format_name)
    with pytest.raises(InputError, match="1 to 3 points to draw, got 4"):
        read(TRIANGLE, "off", points=4)


def test_a_stream_is_read_in_pieces_to_its_end() -> None:
    class Dribble(io.RawIOBase):
        rest: bytes = CLOUDS["bin"][1]

        def read(self, _size: int = -1) -> bytes:
            piece, self.rest = self.rest[:5], self.rest[5:]
            return piece

    assert len(read_point_cloud(cast("BinaryIO", Dribble()), format="bin")) == 4


def test_sources_and_formats(tmp_path: Path) -> None:
    (tmp_path / "a.OFF").write_bytes(TRIANGLE)
    assert len(read_point_cloud(tmp_path / "a.OFF", points=7)) == 7
    assert len(read_point_cloud(str(tmp_path / "a.OFF"), points=7)) == 7
    (tmp_path / "scan").write_bytes(CLOUDS["bin"][1])
    assert len(read_point_cloud(tmp_path / "scan", format="bin")) == 4
    with pytest.raises(
        InputError, match=r"expected a point cloud \(.off, .*, an image \(.*\.png.* or a video \(.*\.mp4"
    ):
        read_point_cloud(tmp_path / "scan")
    with pytest.raises(InputError, match="format for a stream, got none"):
        read_point_cloud(io.BytesIO(TRIANGLE))
    with pytest.raises(InputError, match=r"format of off, .*got 'fbx'"):
        read_point_cloud(tmp_path / "scan", format="fbx")
    with pytest.raises(InputError, match="No such file"):
        read_point_cloud(tmp_path / "none.off")
    with pytest.raises(InputError, match="readable file"):
        read_point_cloud(tmp_path, format="off")
    (tmp_path / "empty.ply").touch()
    with pytest.raises(InputError, match=r"empty.ply: .*empty file"):
        read_point_cloud(tmp_path / "empty.ply")
    assert format_of("n015.pcd.bin") == "bin5"
    assert format_of("000000.bin") == "bin"


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.off").write_bytes(b"OFF\n")
    with pytest.raises(InputError, match=r"bad\.off \(read as off\): expected counts"):
        read_point_cloud(tmp_path / "bad.off")


def test_folders_expand_sorted_and_files_stay_where_they_were_named(tmp_path: Path) -> None:
    for name in ("b/2.ply", "b/1.xyz", "a.off", "notes.md", ".hidden/x.off", "b/.x.off", "b/c/3.pcd.bin"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = point_cloud_paths([tmp_path / "notes.md", tmp_path])
    assert [p.relative_to(tmp_path).as_posix() for p in found] == [
        "notes.md",
        "a.off",
        "b/1.xyz",
        "b/2.ply",
        "b/c/3.pcd.bin",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="in this folder, got none"):
        point_cloud_paths([tmp_path / "empty"])
    with pytest.raises(InputError, match="where nothing is"):
        point_cloud_paths([tmp_path / "nothing.off"])


@pytest.mark.parametrize(
    ("name", "is_one", "is_surely_one"),
    [
        ("a.OFF", True, True),
        ("a/b.stl", True, True),
        ("n015.pcd.bin", True, False),
        ("000000.bin", True, False),
        ("readme.txt", True, False),
        ("photo.png", False, False),
        ("off", False, False),
    ],
)
def test_names_of_point_clouds(name: str, is_one: bool, is_surely_one: bool) -> None:
    assert is_point_cloud_name(name) == is_one
    assert is_point_cloud_name(name, is_certain=True) == is_surely_one


def test_asking_by_name_loads_no_reader() -> None:
    modules = "isthmus.data.pointcloud.formats, isthmus.data.image.formats, isthmus.data.video.formats"
    heavy = ("numpy", "PIL", "av", "cv2", "open3d", "isthmus.data.pointcloud.files")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
