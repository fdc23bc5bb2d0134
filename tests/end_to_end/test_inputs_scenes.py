"""Scenes as modelling tools, viewers and slicers write them: every part once a place, where it is; or refused.

A case is what is in the file, and the triangles (or points) that must come out, in the file's own axes. The files are
written by `support.scene_files`, the places worked out here; what trimesh writes and reads is a second opinion.
"""

from __future__ import annotations

import importlib
import io
import os
import resource
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import scene_files as made
from support.scene_files import CORNERS, FACES, Gltf, moved, soup

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.collada import parse_dae
from isthmus.data.pointcloud.files import MAX_POINTS, read_point_cloud
from isthmus.data.pointcloud.gltf import parse_gltf
from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.pointcloud.shape import Shape
from isthmus.data.pointcloud.threemf import parse_3mf

Array = npt.NDArray[Any]

# A quarter about z, twice the size along x, and a step: as a matrix of columns.
PLACE = np.array([[0, -1, 0, 5], [2, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]], np.float64)
STEP = np.array([[1, 0, 0, -9], [0, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1]])
SQUARE = soup(CORNERS, FACES)
TWICE = soup(np.r_[CORNERS, moved(PLACE)], np.r_[FACES, FACES + 4])
QUARTER = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]


@dataclass(frozen=True, slots=True)
class Case:
    """A file and what must come out: triangles, or points, or words of a refusal; and what is said of it."""

    suffix: str
    data: bytes
    triangles: Array | None = None
    points: Array | None = None
    refusal: str = ""
    note: str = ""
    beside: dict[str, bytes] = field(default_factory=dict)


def parsed(case: Case, folder: Path | None = None) -> Shape:
    match case.suffix:
        case ".3mf":
            return parse_3mf(case.data, MAX_POINTS)
        case ".dae":
            return parse_dae(case.data, MAX_POINTS)
    return parse_gltf(case.data, MAX_POINTS, folder)


def gltf_shapes() -> dict[str, Case]:
    """One square in all the ways in which its corners may be written."""
    found: dict[str, Gltf] = {}
    for kind in ("u1", "u2", "u4"):
        g = Gltf()
        found[f"indices {kind}"] = g.shown(g.square(indices=g.array(FACES.ravel(), kind)))
    g = Gltf()
    found["no indices"] = g.shown({"attributes": {"POSITION": g.array(CORNERS[FACES].reshape(-1, 3))}})
    g = Gltf()
    found["a strip"] = g.shown(g.square(mode=5, indices=g.array(np.array([1, 2, 0, 3]), "u1")))
    g = Gltf()
    found["a fan"] = g.shown(g.square(mode=6, indices=g.array(np.array([0, 1, 2, 3]), "u1")))
    g = Gltf()
    found["a fan without indices"] = g.shown({"attributes": {"POSITION": g.array(CORNERS)}, "mode": 6})
    g = Gltf()
    mixed = np.c_[CORNERS, CORNERS * 0 + 9].astype("<f4")
    g.document["accessors"].append(
        {"bufferView": g.view(bytes(8) + mixed.tobytes(), 24), "byteOffset": 8, "componentType": 5126, "count": 4}
        | {"type": "VEC3"}
    )
    found["interleaved, behind an offset"] = g.shown(
        {"attributes": {"POSITION": 0}, "indices": g.array(FACES.ravel(), "u1")}
    )
    for kind, most in (("i1", 127), ("u1", 255), ("i2", 32767), ("u2", 65535)):
        g = Gltf(extensionsUsed=["KHR_mesh_quantization"], extensionsRequired=["KHR_mesh_quantization"])
        stored = g.array(CORNERS * (most // 3), kind, normalized=True)
        found[f"normalised {kind}"] = g.shown(g.square(attributes={"POSITION": stored}), scale=[most / (most // 3)] * 3)
        g = Gltf(extensionsRequired=["KHR_mesh_quantization"])
        found[f"whole {kind}"] = g.shown(g.square(attributes={"POSITION": g.array(CORNERS, kind)}))
    g = Gltf()
    sparse = {
        "count": 1,
        "indices": {"bufferView": g.view(np.array([3], "u1").tobytes()), "componentType": 5121},
        "values": {"bufferView": g.view(CORNERS[3].astype("<f4").tobytes())},
    }
    flat = CORNERS * [[1], [1], [1], [7]]
    found["sparse"] = g.shown(g.square(attributes={"POSITION": g.array(flat, sparse=sparse)}))
    g = Gltf()
    sparse = {
        "count": 3,
        "indices": {"bufferView": g.view(np.array([1, 2, 3], "<u2").tobytes()), "componentType": 5123},
        "values": {"bufferView": g.view(CORNERS[1:].astype("<f4").tobytes())},
    }
    found["sparse over zeros"] = g.shown(
        g.square(attributes={"POSITION": g.array(CORNERS, sparse=sparse, bufferView=None)})
    )
    g = Gltf()
    many = np.r_[CORNERS + 50, CORNERS, CORNERS - 50]
    found["a table that others share"] = g.shown(
        {"attributes": {"POSITION": g.array(many)}, "indices": g.array(FACES.ravel() + 4, "u4")}
    )
    g = Gltf()
    g.shown(g.square(mode=4.0))
    g.document["accessors"][0]["count"] = 4.0
    found["whole numbers with a point"] = g
    cases = {f"glb, {name}": Case(".glb", document.glb(), SQUARE) for name, document in found.items()}
    g = Gltf()
    g.shown(g.square())
    bom = b"\xef\xbb\xbf"
    return cases | {
        "gltf with its buffer inside": Case(".gltf", g.gltf(), SQUARE),
        "gltf behind a byte order mark": Case(".gltf", bom + g.gltf(), SQUARE),
        "gltf with a buffer beside it": Case(".gltf", g.gltf("a b.bin"), SQUARE, beside={"a b.bin": g.buffer}),
        "gltf with a buffer of a quoted name": Case(".gltf", g.gltf("a%20b.bin"), SQUARE, beside={"a b.bin": g.buffer}),
        "glb by the name of gltf": Case(".gltf", g.glb(), SQUARE),
    }


def gltf_scenes() -> dict[str, Case]:
    def placed(nodes: list[dict[str, Any]], **document: Any) -> Gltf:
        g = Gltf()
        g.shown(g.square())
        g.document |= {"nodes": nodes, "scenes": [{"nodes": [0]}]} | document
        return g

    apart = {"translation": [5, 6, 7], "rotation": QUARTER, "scale": [2, 1, 1]}
    tree: list[dict[str, Any]] = [{"mesh": 0, "children": [1]}, {"mesh": 0} | apart]
    below: list[dict[str, Any]] = [
        {"children": [1], "translation": [-9, 0, 0.5]},
        {"mesh": 0, "matrix": PLACE.T.ravel().tolist()},
    ]
    scenes = [{"nodes": [1]}, {"nodes": [0]}]
    g = Gltf()
    points = g.square(mode=0, indices=g.array(np.array([3, 1]), "u1"))
    found = {
        "translation, rotation, scale": Case(".glb", placed([{"mesh": 0} | apart]).glb(), soup(moved(PLACE), FACES)),
        "a matrix under a node": Case(".glb", placed(below).glb(), soup(moved(STEP @ PLACE), FACES)),
        "a mesh twice": Case(".glb", placed(tree).glb(), TWICE),
        "the default scene": Case(
            ".glb", placed([{"mesh": 0}, {"mesh": 0} | apart], scenes=scenes, scene=1).glb(), SQUARE, note="of 2 scenes"
        ),
        "no scene": Case(".glb", placed(tree, scenes=[]).glb(), TWICE),
        "no node": Case(".glb", placed([], scenes=[]).glb(), SQUARE),
        "points": Case(".glb", g.shown(points).glb(), points=CORNERS[[3, 1]]),
    }
    g = Gltf()
    both = g.shown(g.square(), g.square(mode=0), g.square(mode=1))
    found["triangles, points and lines"] = Case(
        ".glb", both.glb(), SQUARE, note="lines left out|6 points beside the faces"
    )
    g = Gltf()
    found["a skin and morph targets"] = Case(
        ".glb", g.shown(g.square(targets=[{}]), skin=0).glb(), SQUARE, note="skins taken as they rest|morph targets"
    )
    return {f"glb, {name}": case for name, case in found.items()}


def gltf_refused() -> dict[str, Case]:
    g = Gltf()
    good = g.shown(g.square()).glb()

    def changed(**document: Any) -> bytes:
        g = Gltf()
        g.shown(g.square())
        g.document |= document
        return g.glb()

    draco = {"KHR_draco_mesh_compression": {"bufferView": 0}}
    packed = Gltf()
    packed.shown(packed.square(attributes={"POSITION": packed.array(CORNERS, bufferView=None)}, extensions=draco))
    doubled = [{"children": [k + 1, k + 1]} for k in range(80)] + [{"mesh": 0}]
    zeros = {"componentType": 5126, "count": 9_000_000, "type": "VEC3", "sparse": {"count": 1}}
    g = Gltf()
    beyond = g.shown(g.square(indices=g.array(np.array([0, 1, 4]), "u1"))).glb()
    return {
        f"{name}, refused": Case(".gltf" if data[:1] in b"{[" else ".glb", data, refusal=refusal)
        for name, (data, refusal) in {
            "glb of version 1": (good[:4] + b"\1" + good[5:], "version 2, got 1; export it as glTF 2.0"),
            "gltf of version 1": (b'{"asset": {"version": "1.0"}}', "got '1.0'; export it as glTF 2.0"),
            "glb that is cut": (good[:-1], "it is cut"),
            "no glTF": (b"{}", "version 2, got None"),
            "draco": (changed(extensionsRequired=[*draco]), "got 'KHR_draco.*without compression"),
            "draco, not said": (packed.glb(), "compressed ones; export it without compression"),
            "meshopt": (changed(extensionsRequired=["EXT_meshopt_compression"]), "without compression"),
            "instances": (
                changed(nodes=[{"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {}}}]),
                "EXT_mesh_gpu_instancing",
            ),
            "an index too far": (beyond, "vertex indices 0 to 3, got 4"),
            "a circle of nodes": (changed(nodes=[{"children": [1]}, {"children": [0]}]), "hold themselves"),
            "a node in itself": (changed(nodes=[{"children": [0]}]), "hold themselves"),
            "nodes without end": (changed(nodes=doubled), "at most 1000000 nodes"),
            "zeros without end": (
                changed(accessors=[zeros, zeros]),
                "count of positions as a whole number from 1 to 1000000",
            ),
            "an array too long": (
                changed(accessors=[{"bufferView": 0, "componentType": 5126, "count": 5, "type": "VEC3"}] * 2),
                "5 rows of positions in 48 bytes",
            ),
            "a perspective": (changed(nodes=[{"mesh": 0, "matrix": [1.0] * 16}]), "ends in 0 0 0 1"),
            "no unit quaternion": (changed(nodes=[{"mesh": 0, "rotation": [0, 0, 0, 0]}]), "unit quaternion"),
            "nothing shown": (changed(scenes=[{"nodes": []}]), "faces that no node places"),
            "JSON without end": (b"[" * 100_000, "expected glTF"),
            "values without end": (b"[" + b"0," * 5_000_001, "at most 5000000 values"),
        }.items()
    }


def at(transform: Array) -> str:
    """As 3MF writes it."""
    return " ".join(repr(v) for v in transform[:3].T.ravel().tolist())


def threemf_cases() -> dict[str, Case]:
    square = f'<object id="1" type="model">{made.mesh_3mf()}</object>'
    once, place, step = '<item objectid="1"/>', at(PLACE), at(STEP)

    def package(resources: str, build: str, **parts: str) -> bytes:
        whole: dict[str, str | bytes] = {"3D/a.model": made.model_3mf(resources, build)}
        return made.package_3mf(whole | {f"3D/{name}.model": text for name, text in parts.items()})

    def component(number: int, transform: str = "", path: str = "") -> str:
        return (
            f'<component objectid="{number}"{f" transform={transform!r}" if transform else ""}'
            f"{f' p:path={path!r}' if path else ''}/>"
        )

    def held(number: int, *components: str) -> str:
        return f'<object id="{number}"><components>{"".join(components)}</components></object>'

    other = made.model_3mf(
        f'<object id="1">{made.mesh_3mf(CORNERS + 40)}</object><object id="7">{made.mesh_3mf()}</object>', ""
    )
    found = {
        "one": Case(".3mf", made.square_3mf(), SQUARE),
        "deflated": Case(".3mf", made.square_3mf(compression=zipfile.ZIP_DEFLATED), SQUARE),
        "moved": Case(".3mf", made.square_3mf(place), soup(moved(PLACE), FACES)),
        "twice": Case(".3mf", package(square, f'{once}<item objectid="1" transform="{place}"/>'), TWICE),
        "components of components": Case(
            ".3mf",
            package(square + held(2, component(1, place)) + held(3, component(2, step)), '<item objectid="3"/>'),
            soup(moved(STEP @ PLACE), FACES),
        ),
        "an object of another part": Case(
            ".3mf",
            package(held(2, component(7, place, "/3D/b.model")), '<item objectid="2"/>', b=other),
            soup(moved(PLACE), FACES),
        ),
        "two of another part": Case(
            ".3mf",
            package(
                held(2, component(7, "", "/3D/b.model"), component(1, "", "/3D/B.model")),
                '<item objectid="2"/>',
                b=other,
            ),
            soup(np.r_[CORNERS, CORNERS + 40], np.r_[FACES, FACES + 4]),
        ),
        "an item of another part": Case(
            ".3mf", package("", '<item objectid="7" p:path="/3D/b.model"/>', b=other), SQUARE
        ),
        "what is not built": Case(
            ".3mf", package(square + f'<object id="2">{made.mesh_3mf(CORNERS + 9)}</object>', once), SQUARE
        ),
        "supports": Case(
            ".3mf",
            package(
                square + f'<object id="2" type="support">{made.mesh_3mf()}</object>', f'{once}<item objectid="2"/>'
            ),
            SQUARE,
            note="1 supports left out",
        ),
        "another root": Case(
            ".3mf", made.package_3mf({"X/y.model": made.model_3mf(square, once)}, root="/X/y.model"), SQUARE
        ),
    }
    bomb = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    doubled = "".join(held(k, component(k + 1), component(k + 1)) for k in range(2, 80)) + held(80, component(1))
    wide = made.package_3mf({"3D/a.model": b" " * 3_000_000}, zipfile.ZIP_DEFLATED)
    refused = {
        "entities": (made.package_3mf({"3D/a.model": made.model_3mf(square, once, bomb)}), "no type declaration"),
        "entities in its relationships": (
            made.package_3mf({"_rels/.rels": bomb + "<a/>", "3D/a.model": "<a/>"}),
            "no type declaration",
        ),
        "a size that is not true": (wide.replace(struct_of(3_000_000), struct_of(2**31)), "at most 1073741824 bytes"),
        "a tag without end": (
            made.package_3mf({"3D/a.model": b'<model a="' + b" " * 3_000_000}, zipfile.ZIP_DEFLATED),
            "tags of at most",
        ),
        "components without end": (package(square + doubled, '<item objectid="2"/>'), "at most 1000000 nodes"),
        "a circle": (package(held(1, component(2)) + held(2, component(1)), once), "hold themselves"),
        "an object that is not there": (package(square, '<item objectid="5"/>'), "object '5' in '3d/a.model'"),
        "a part that is not there": (
            package(held(1, component(7, "", "/../../etc/passwd")), once),
            "the part '../../etc/passwd', got none",
        ),
        "lattices": (
            made.package_3mf(
                {
                    "3D/a.model": made.model_3mf(square, once).replace(
                        "<model ", '<model requiredextensions="b" xmlns:b="http://x/beamlattice/2017/02" '
                    )
                }
            ),
            "got one that needs 'http://x/beamlattice/2017/02'; export it as meshes",
        ),
        "no build": (package(square, ""), "a build with items, got none"),
        "no model": (made.package_3mf({"x": "y"}), "got a ZIP without '3d/a.model'"),
        "no ZIP": (b"solid", "expected 3MF, a ZIP"),
        "a damaged ZIP": (b"PK\3\4" + bytes(90), "whole ZIP"),
        "damaged bytes": (made.square_3mf().replace(b"<triangle v1", b"<triangle w1", 1), "damaged"),
        "a word": (package(square.replace('x="0.0"', 'x="zero"'), once), "damaged: could not convert"),
        "a coordinate missing": (package(square.replace('x="0.0"', ""), once), "all they need, got one without 'x'"),
        "a short transform": (made.square_3mf("1 0 0"), "a transform of 12 numbers"),
    }
    return {f"3mf, {name}": case for name, case in found.items()} | {
        f"3mf, {name}, refused": Case(".3mf", data, refusal=words) for name, (data, words) in refused.items()
    }


def struct_of(size: int) -> bytes:
    return size.to_bytes(4, "little")


LETTER_L = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [1, 1, 0], [1, 2, 0], [0, 2, 0]], np.float64)


def dae_cases() -> dict[str, Case]:
    vertex = '<input semantic="VERTEX" source="#sv" offset="0"/>'
    place = "<translate>5 6 7</translate><rotate>0 0 1 90</rotate><scale>2 1 1</scale>"
    here = '<instance_geometry url="#g"/>'
    library = f'<library_nodes><node id="n">{here}</node></library_nodes>'
    instance = '<instance_node url="#n"/>'
    skin = (
        '<library_controllers><controller id="c"><skin source="#g"><bind_shape_matrix>'
        f"{' '.join(map(str, PLACE.ravel()))}</bind_shape_matrix></skin></controller></library_controllers>"
    )
    matrix = " ".join(map(str, PLACE.ravel()))
    two = vertex.replace('"0"', '"1"') + '<input semantic="NORMAL" source="#n" offset="0"/>'
    found = {
        "triangles": made.dae(),
        "triangles among normals": made.dae(f'<triangles count="2">{two}<p>9 0 9 1 9 2 9 0 9 2 9 3</p></triangles>'),
        "polylist": made.dae(f'<polylist count="2">{vertex}<vcount>3 3</vcount><p>0 1 2 0 2 3</p></polylist>'),
        "polygons": made.dae(f'<polygons count="2">{vertex}<p>0 1 2</p><p>0 2 3</p></polygons>'),
        "decimal commas": made.dae().replace(
            made.numbers_dae().encode(), made.numbers_dae().replace(".", ",").encode()
        ),
        "strips": made.dae(f'<tristrips count="1">{vertex}<p>1 2 0 3</p></tristrips>'),
        "fans": made.dae(f'<trifans count="1">{vertex}<p>0 1 2 3</p></trifans>'),
        "ids that other meshes have too": made.dae(
            more=(
                f'<library_geometries><geometry id="g"><mesh>{made.source_dae(CORNERS * 0)}</mesh></geometry>'
                "</library_geometries>"
            )
        ),
        "no namespace": made.dae().replace(b' xmlns="http://www.collada.org/2005/11/COLLADASchema"', b""),
        "no scene": made.dae().replace(b'<scene><instance_visual_scene url="#v"/></scene>', b""),
    }
    cases = {name: Case(".dae", data, SQUARE) for name, data in found.items()}
    placed = soup(moved(PLACE), FACES)
    cases |= {
        "translate, rotate, scale": Case(".dae", made.dae(nodes=f"<node>{place}{here}</node>"), placed),
        "matrix": Case(".dae", made.dae(nodes=f"<node><matrix>{matrix}</matrix>{here}</node>"), placed),
        "nodes in nodes": Case(
            ".dae",
            made.dae(nodes=f"<node><translate>-9 0 .5</translate><node>{place}{here}</node></node>"),
            soup(moved(STEP @ PLACE), FACES),
        ),
        "a library's node twice": Case(
            ".dae", made.dae(nodes=f"<node>{instance}</node><node>{place}{instance}</node>", more=library), TWICE
        ),
        "a skin": Case(
            ".dae",
            made.dae(nodes='<node><instance_controller url="#c"/></node>', more=skin),
            placed,
            note="skins and morph targets taken as they rest",
        ),
        "lines beside": Case(
            ".dae",
            made.dae(made.TRIANGLES_DAE + f'<lines count="1">{vertex}<p>0 1</p></lines>'),
            SQUARE,
            note="lines left",
        ),
        "points": Case(".dae", made.dae(""), points=CORNERS),
        "x up": Case(".dae", made.dae(up="X_UP"), soup(CORNERS[:, [1, 0, 2]] * [-1, 1, 1], FACES)),
        "lookat": Case(
            ".dae",
            made.dae(nodes=f"<node><lookat>1 2 3 1 2 -4 0 1 0</lookat>{here}</node>"),
            soup(CORNERS + np.array([1, 2, 3]), FACES),
        ),
    }
    laughs = "<!DOCTYPE x [" + "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 9}">' for k in range(1, 12)) + "]>"
    doubled = "".join(
        f'<node id="n{k}"><instance_node url="#n{k + 1}"/><instance_node url="#n{k + 1}"/></node>' for k in range(80)
    )
    many = f'<library_nodes>{doubled}<node id="n80">{here}</node></library_nodes>'
    refused = {
        "entities": (made.dae(head=laughs), "no type declaration"),
        "entities in UTF-16": (
            made.dae(head=laughs)
            .replace(b' version="1.0"', b' version="1.0" encoding="UTF-16"')
            .decode()
            .encode("utf-16"),
            "no type declaration",
        ),
        "a file outside": (made.dae(head='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "no type declaration"),
        "nodes without end": (
            made.dae(nodes='<node><instance_node url="#n0"/></node>', more=many),
            "at most 1000000 n",
        ),
        "a circle": (
            made.dae(nodes='<node id="m"><instance_node url="#m"/></node>'),
            "hold themselves",
        ),
        "another file": (made.dae(nodes='<node><instance_geometry url="b.dae#g"/></node>'), "join the files into one"),
        "nothing of that name": (
            made.dae(nodes='<node><instance_geometry url="#h"/></node>'),
            "'#h', which instance_geom",
        ),
        "lines alone": (made.dae(f'<lines count="1">{vertex}<p>0 1</p></lines>'), r"got none \(lines left out\)"),
        "holes": (
            made.dae(f'<polygons count="1">{vertex}<ph><p>0 1 2 3</p><h>0 1 2</h></ph></polygons>'),
            "without holes",
        ),
        "fewer triangles than it says": (made.dae(made.TRIANGLES_DAE.replace('"2"', '"3"')), "3 triangles, got 2"),
        "an index too far": (made.dae(made.TRIANGLES_DAE.replace("0 2 3", "0 2 4")), "indices 0 to 3, got 4"),
        "an index below": (made.dae(made.TRIANGLES_DAE.replace("0 2 3", "0 2 -1")), "indices 0 to 3, got -1"),
        "a word": (made.dae().replace(b"0.0 0.0 0.0", b"0.0 zero 0.0"), "numbers in float_array"),
        "too few numbers": (made.dae().replace(b"0.0 0.0 0.0", b"0.0"), "4 vertices 3 numbers apart, got 10"),
        "no z": (made.dae().replace(b'name="Z"', b'name="W"'), "X, Y and Z, got X, Y, W"),
        "skew": (made.dae(nodes=f"<node><skew>45 0 1 0 1 0 0</skew>{here}</node>"), "got skew; bake"),
        "a short matrix": (made.dae(nodes=f"<node><matrix>1 0</matrix>{here}</node>"), "16 numbers in matrix, got 2"),
        "an axis": (made.dae(up="W_UP"), "X_UP, Y_UP or Z_UP, got 'W_UP'"),
        "other XML": (b"<svg/>", "COLLADA as its first tag, got 'svg'"),
        "no XML": (b"solid", "whole XML, got damaged"),
        "deep XML": (b"<a>" * 5000, "256 deep"),
        "names without end": (b"<a>" + b"".join(b"<a%d/>" % k for k in range(30_000)) + b"</a>", "at most 20000 names"),
    }
    return {f"dae, {name}": case for name, case in cases.items()} | {
        f"dae, {name}, refused": Case(".dae", data, refusal=words) for name, (data, words) in refused.items()
    }


CASES = gltf_shapes() | gltf_scenes() | gltf_refused() | threemf_cases() | dae_cases()


@pytest.mark.parametrize("name", CASES)
def test_each_scene_comes_out_right_or_is_refused(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    for beside, data in case.beside.items():
        (tmp_path / beside).write_bytes(data)
    path = tmp_path / f"scene{case.suffix}"
    path.write_bytes(case.data)
    if case.refusal:
        tracemalloc.start()
        began = time.monotonic()
        try:
            with pytest.raises(InputError, match=case.refusal):
                read_point_cloud(path)
            assert tracemalloc.get_traced_memory()[1] < 60e6
        finally:
            tracemalloc.stop()
        assert time.monotonic() - began < 5
        return
    shape = parsed(case, tmp_path)
    if case.points is not None:
        np.testing.assert_array_equal(shape.geometry, case.points)
    else:
        assert isinstance(shape.geometry, Mesh)
        assert case.triangles is not None
        np.testing.assert_allclose(soup(shape.geometry.vertices, shape.geometry.triangles), case.triangles, atol=2e-5)
    notes = case.note.split("|") if case.note else []
    assert len(shape.notes) == len(notes)
    assert all(said.startswith(note) or note in said for said, note in zip(shape.notes, notes, strict=True))
    cloud = read_point_cloud(path, points=64)
    assert len(cloud) == (len(case.points) if case.points is not None else 64)
    assert all(note in cloud.notes for note in shape.notes)


@pytest.mark.parametrize(
    ("suffix", "data", "up", "axis"),
    [
        (".glb", CASES["glb, points"].data, None, "y"),
        (".glb", CASES["glb, points"].data, "z", "z"),
        (".dae", made.dae("", up="Z_UP"), None, "z"),
        (".dae", made.dae("", up="Y_UP"), None, "y"),
        (".dae", made.dae("", up=""), None, "y"),
        (".dae", made.dae("", up="Z_UP"), "y", "y"),
        (".dae", made.dae("", up="X_UP"), None, "x"),
    ],
)
def test_the_axis_that_is_up(suffix: str, data: bytes, up: Any, axis: str, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix}").write_bytes(data)
    x, y, z = (CORNERS if suffix == ".dae" else CORNERS[[3, 1]]).T
    expected = {"z": (x, y, z), "y": (x, -z, y), "x": (-y, -z, x)}[axis]
    np.testing.assert_array_equal(read_point_cloud(tmp_path / f"a{suffix}", up=up).points, np.stack(expected, 1))


def test_points_are_drawn_by_area_over_all_parts(tmp_path: Path) -> None:
    """A scene of two squares, the second of them nine times as large; a third has no area."""
    g = Gltf()
    g.shown(g.square())
    nodes = [{"mesh": 0}, {"mesh": 0, "scale": [3, 3, 3], "translation": [100, 0, 0]}, {"mesh": 0, "scale": [0, 0, 0]}]
    g.document |= {"nodes": nodes, "scenes": [{"nodes": [0, 1, 2]}]}
    (tmp_path / "a.glb").write_bytes(g.glb())
    x = read_point_cloud(tmp_path / "a.glb", points=4000).points[:, 0]
    assert (x > 50).mean() == pytest.approx(0.9, abs=0.02)


def test_concave_polygons_of_dae_are_cut_within(tmp_path: Path) -> None:
    for kind, corners in (("polygons", "<p>2 3 4 5 0 1</p>"), ("polylist", "<vcount>6</vcount><p>2 3 4 5 0 1</p>")):
        text = f'<{kind} count="1"><input semantic="VERTEX" source="#sv" offset="0"/>{corners}</{kind}>'
        (tmp_path / "a.dae").write_bytes(made.dae(text, points=LETTER_L))
        x, y, _ = read_point_cloud(tmp_path / "a.dae", points=3000).points.T
        assert not ((x > 1 + 1e-6) & (y > 1 + 1e-6)).any()


OUTSIDE = ["../a.bin", "/etc/passwd", "http://127.0.0.1:9/a.bin", "file:///etc/passwd", "sub/a.bin", "%2e%2e%2fa.bin"]
OUTSIDE += ["..", "a.bin%00", "sub\\a.bin", "link.bin", "pipe.bin", "folder.bin", "none.bin"]


@pytest.mark.parametrize("uri", OUTSIDE)
def test_buffers_come_from_the_same_folder_or_not_at_all(uri: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "folder.bin").mkdir()
    g = Gltf()
    g.shown(g.square())
    (tmp_path / "a.bin").write_bytes(g.buffer)
    (here / "sub" / "a.bin").write_bytes(g.buffer)
    (here / "link.bin").symlink_to(tmp_path / "a.bin")
    os.mkfifo(here / "pipe.bin")
    (here / "a.gltf").write_bytes(g.gltf(uri))
    with pytest.raises(InputError, match=r"in the same folder, got|beside the file, got none there; or export a GLB"):
        read_point_cloud(here / "a.gltf")


def test_many_nodes_take_no_longer_than_they_are_many() -> None:
    g = Gltf()
    g.shown(g.square())
    g.document |= {"nodes": [{"mesh": 0}] * 8_000, "scenes": [{"nodes": list(range(8_000))}]}
    began = time.monotonic()
    assert len(parsed(Case(".glb", g.glb())).geometry.triangles) == 16_000  # type: ignore[union-attr]  # a mesh
    assert time.monotonic() - began < 10


def test_a_stream_has_nothing_beside_it() -> None:
    g = Gltf()
    g.shown(g.square())
    assert len(read_point_cloud(io.BytesIO(g.gltf()), format="gltf", points=9)) == 9
    with pytest.raises(InputError, match=r"a whole file in a stream, got one that needs 'a.bin'; export a GLB"):
        read_point_cloud(io.BytesIO(g.gltf("a.bin")), format="gltf")


WRITERS: dict[str, Callable[[Any, Any], Any]] = {
    "glb": lambda _trimesh, scene: scene.export(file_type="glb"),
    "3mf": lambda _trimesh, scene: scene.export(file_type="3mf"),
    "dae": lambda trimesh, scene: trimesh.exchange.dae.export_collada(list(scene.dump())),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_trimesh_writes_is_read_as_trimesh_reads_it(suffix: str) -> None:
    """A second implementation as the oracle: a scene of four parts, one of them twice."""
    try:
        trimesh = importlib.import_module("trimesh")
        importlib.import_module("collada")
        importlib.import_module("lxml")
        importlib.import_module("networkx")
    except ImportError as error:
        pytest.skip(f"no second reader: {error}; pip install trimesh networkx lxml pycollada")
    scene = trimesh.Scene()
    turned = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])
    turned[:3, 3] = 5, 6, 7
    scene.add_geometry(trimesh.creation.box((1, 2, 3)), node_name="a", geom_name="box", transform=turned)
    scene.add_geometry(trimesh.creation.icosphere(1), node_name="b", geom_name="ball")
    scene.add_geometry(trimesh.creation.annulus(1, 2, 1), node_name="c", geom_name="ring", transform=turned @ turned)
    scene.graph.update(frame_from="world", frame_to="d", matrix=np.diag([2, -3, 1, 1]), geometry="box")
    data = WRITERS[suffix](trimesh, scene)
    read = trimesh.load_scene(io.BytesIO(data), file_type=suffix).to_mesh()
    ours = parsed(Case(f".{suffix}", data)).geometry
    assert isinstance(ours, Mesh)
    for whole in (read, scene.to_mesh()):
        np.testing.assert_allclose(
            soup(ours.vertices, ours.triangles), soup(np.asarray(whole.vertices), np.asarray(whole.faces)), atol=2e-5
        )


SMALL = {
    "glb": ("gltf", CASES["glb, a mesh twice"].data),
    "gltf": ("gltf", CASES["gltf with its buffer inside"].data),
    "3mf": ("3mf", made.square_3mf(at(PLACE))),
    "3mf, deflated": ("3mf", made.square_3mf(compression=zipfile.ZIP_DEFLATED)),
    "dae": ("dae", made.dae(nodes='<node><scale>2 1 1</scale><instance_geometry url="#g"/></node>')),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_scene_cut_or_flipped_anywhere_is_a_cloud_or_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    format_name, data = SMALL[name]
    damaged = [data[:at] for at in range(len(data))]
    damaged += [data[:k] + bytes([data[k] ^ 1 << bit]) + data[k + 1 :] for k in range(len(data)) for bit in (0, 4, 7)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content in damaged:
        try:
            cloud = read_point_cloud(io.BytesIO(content), format=format_name, points=4)
        except InputError:
            continue
        assert np.isfinite(cloud.points).all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB
    assert capfd.readouterr() == ("", "")
