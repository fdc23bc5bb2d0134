"""The rules of the house that its source shows: no circle of imports, few long modules, shapes of arrays."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from support.paths import ROOT

from isthmus.common.errors import InputError
from isthmus.measure.house.docstrings import array_functions, says_shape
from isthmus.measure.house.run import files_for_a_signal, reason
from isthmus.measure.house.sources import (
    SOURCE_ROOTS,
    Module,
    count_lines,
    import_circles,
    imports_between,
    known_to,
    large_modules,
    read_modules,
)

MAX_LARGE_MODULES = 5
MAX_FILES_FOR_A_SIGNAL = 3


@functools.cache
def house() -> dict[str, Module]:
    return read_modules(ROOT)


def write_house(root: Path, **sources: str) -> dict[str, Module]:
    """A small project: `edge__client="import os"` is the module `isthmus.edge.client`."""
    for portion in SOURCE_ROOTS:
        (root / portion / "isthmus" / portion).mkdir(parents=True, exist_ok=True)
    for name, text in sources.items():
        portion, *parts = name.split("__")
        path = root.joinpath(portion, "isthmus", portion, *parts).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_modules(root)


# ---- the house ----


def test_no_imports_run_in_a_circle() -> None:
    assert import_circles(imports_between(house())) == []


def test_few_modules_are_long_and_each_says_why() -> None:
    large = large_modules(house())
    assert len(large) <= MAX_LARGE_MODULES, [(module.name, module.lines) for module in large]
    assert [module.name for module in large if not reason(module)] == []


def test_shapes_are_said_wherever_a_public_function_takes_arrays() -> None:
    functions = array_functions(house().values())
    assert {f.place.split(".")[1] for f in functions} >= {"common", "edge", "cloud", "models", "training", "measure"}
    assert [f"{f.place}:{f.line}" for f in functions if not f.says_shape] == []


def test_few_files_know_every_signal() -> None:
    found = files_for_a_signal(known_to(house()))
    assert len(found) <= MAX_FILES_FOR_A_SIGNAL, found


# ---- what finds this out ----


def test_every_kind_of_import_counts(tmp_path: Path) -> None:
    modules = write_house(
        tmp_path,
        common__a="",
        common__b__c="",
        edge__top="import os\nimport isthmus.common.a\n",
        edge__member="from isthmus.common.a import thing\nfrom isthmus.common.b import c\n",
        edge__late="def f():\n    from isthmus.common.a import thing\n",
        edge__typed="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from isthmus.common.b.c import C\n",
        edge__named='TABLE = ["isthmus.common.a:thing", "isthmus.common.nowhere", "see isthmus.common.b.c"]\n',
        edge__self="import isthmus.edge.self\n",
    )
    imports = imports_between(modules)
    a, c = "isthmus.common.a", "isthmus.common.b.c"
    assert {name.removeprefix("isthmus.edge."): found for name, found in imports.items() if ".edge." in name} == {
        "top": {a},
        "member": {a, c},
        "late": {a},
        "typed": {c},
        "named": set(),
        "self": set(),
    }
    known = known_to(modules)
    assert known["isthmus.edge.named"] == {a}
    assert all(known[name] == found for name, found in imports.items() if name != "isthmus.edge.named")


@pytest.mark.parametrize(
    ("imports", "circles"),
    [
        ({"a": "b", "b": "c", "c": ""}, []),
        ({"a": "b", "b": "a"}, [("a", "b")]),
        ({"a": "bd", "b": "c", "c": "a", "d": "c"}, [("a", "b", "c", "d")]),
        ({"a": "b", "b": "a", "c": "ad", "d": "c", "e": "c"}, [("a", "b"), ("c", "d")]),
        ({"a": "bc", "b": "d", "c": "d", "d": ""}, []),
    ],
)
def test_circles(imports: dict[str, str], circles: list[tuple[str, ...]]) -> None:
    assert import_circles(imports) == circles
    assert import_circles(dict(reversed(imports.items()))) == circles


def test_long_modules_and_their_reasons(tmp_path: Path) -> None:
    said = '"""A table.\n\nMore than 300 lines: one row\nfor each word.\n"""\n'
    modules = write_house(
        tmp_path, common__fits="#\n" * 300, common__silent="#\n" * 301, common__says=said + "#\n" * 400
    )
    assert [(m.name, m.lines, reason(m)) for m in large_modules(modules)] == [
        ("isthmus.common.says", 405, "More than 300 lines: one row for each word."),
        ("isthmus.common.silent", 301, ""),
    ]
    assert count_lines(tmp_path / "common") == 300 + 301 + 405
    assert sum(m.lines for m in modules.values()) == 300 + 301 + 405


def test_functions_of_arrays(tmp_path: Path) -> None:
    modules = write_house(
        tmp_path,
        common__m='''
def bare(a: Float32) -> int: ...
def said(a: npt.NDArray[np.int32]) -> int:
    """Of ``[rows, 3]``."""
def text(a: str, *, b: int = 0) -> list[str]: ...
def _hidden(a: Tensor) -> Tensor: ...
class Net:
    async def forward(self, x: torch.Tensor) -> int:
        """Points ``[3, n]``."""
    def made(self) -> tuple[np.ndarray, int]:
        """Two of them."""
    def _own(self, x: Tensor) -> None: ...
class Silent:
    """Of ``[n, 3]``, as `forward` takes them."""
    def forward(self, x: Tensor) -> Tensor: ...
    def loss(self, x: Tensor) -> Tensor: ...
    def __call__(self, x: Tensor) -> None: ...

class _Hidden:
    def forward(self, x: Tensor) -> Tensor: ...
def more(*arrays: UInt8, **named: "Bool") -> None: ...
''',
    )
    found = array_functions(modules.values())
    assert {f.place.removeprefix("isthmus.common.m."): f.says_shape for f in found} == {
        "bare": False,
        "said": True,
        "Net.forward": True,
        "Net.made": False,
        "Silent.forward": True,
        "Silent.loss": False,
        "more": False,
    }
    assert found[0].line == 2


def test_a_method_that_says_nothing_has_its_bases_words(tmp_path: Path) -> None:
    modules = write_house(
        tmp_path,
        common__a='class Law(Protocol):\n    def bits(self, x: Tensor) -> int:\n        """Of ``[n]``."""\n',
        common__b="class Own(Generic[T], Law[int]):\n    def cost(self, x: Tensor) -> int: ...\n",
        common__c="class Last(Own):\n    def bits(self, x: Tensor) -> int: ...\n"
        "    def cost(self, x: Tensor) -> int: ...\n",
        common__d='class Loud(Law):\n    def bits(self, x: Tensor) -> int:\n        """None that is told."""\n',
        common__e="class Endless(Endless):\n    def bits(self, x: Tensor) -> int: ...\n",
    )
    found = {f.place.removeprefix("isthmus.common."): f.says_shape for f in array_functions(modules.values())}
    assert found == {
        "a.Law.bits": True,
        "b.Own.cost": False,
        "c.Last.bits": True,
        "c.Last.cost": False,
        "d.Loud.bits": False,
        "e.Endless.bits": False,
    }


@pytest.mark.parametrize("text", ["``[n]``", "float32 `[batch, 3, P]`", "[]", "of [0, 1] to [256, 256, 3]", "[...]"])
def test_what_is_a_shape(text: str) -> None:
    assert says_shape(text)


@pytest.mark.parametrize("text", ["", "shape", "in [0, 1]", "``[-1, 1]``", "[0.5, 1]", "``sizes[k]``", "[a,\nb]"])
def test_what_is_none(text: str) -> None:
    assert not says_shape(text)


def test_files_that_know_every_signal(tmp_path: Path) -> None:
    every = "".join(f"from isthmus.common.{signal} import manifest\n" for signal in ("pointcloud", "image", "video"))
    manifests = dict.fromkeys((f"common__{signal}__manifest" for signal in ("pointcloud", "image", "video")), "")
    modules = write_house(
        tmp_path,
        **manifests,
        edge__all=every,
        edge__names="".join(f'"isthmus.common.{signal}.manifest:M"\n' for signal in ("pointcloud", "image", "video")),
        edge__two="".join(every.splitlines(keepends=True)[:2]),
        edge__video__own=every,
        measure__all=every,
    )
    assert files_for_a_signal(known_to(modules)) == ["isthmus.edge.all", "isthmus.edge.names"]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected the project's source, got no folder .*common"):
        read_modules(tmp_path)
