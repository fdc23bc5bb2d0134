"""Public functions that take or return arrays, and whether their docstrings say the arrays' shapes.

A shape is a list of sizes in brackets, ``[channels, h, w]``, or ``[]`` for a single number's array. An interval as
``[0, 1]`` is none, and neither is an index as ``sizes[k]``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from isthmus.measure.house.sources import Module

_ARRAY = re.compile(r"\b(?:NDArray|ndarray|Tensor|ArrayLike|(?:Float|UInt|Int|Bool|Complex)\d*)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef
_BRACKETS = re.compile(r"(?<!\w)\[([^\[\]\n]*)\]")
_NO_SIZE = re.compile(r"-.*|0|\d*\.\d+")
"""An interval's end: no axis has so many."""


@dataclass(frozen=True, slots=True)
class ArrayFunction:
    """A public function or method with an array among its arguments or in its result.

    Attributes:
        place: module, then the function's name within it.
        line: where it begins.
        says_shape: whether its docstring has one.
    """

    place: str
    line: int
    says_shape: bool


def array_functions(modules: Iterable[Module]) -> list[ArrayFunction]:
    """All of them, of public names in public classes, in the modules' order.

    A method without a docstring has that of the class it comes from, as `inspect.getdoc` has it.
    """
    known = list(modules)
    classes = {node.name: node for m in known for node in ast.walk(m.tree) if isinstance(node, ast.ClassDef)}
    return [
        ArrayFunction(f"{module.name}.{name}", node.lineno, says_shape(text))
        for module in known
        for name, node, text in _public(module.tree.body, classes)
        if _takes_arrays(node)
    ]


def says_shape(text: str) -> bool:
    """Whether a shape is among what stands in brackets."""
    found = ([size.strip() for size in sizes.split(",")] for sizes in _BRACKETS.findall(text))
    return any(not any(_NO_SIZE.fullmatch(size) for size in sizes) for sizes in found)


def _public(
    body: list[ast.stmt], classes: Mapping[str, ast.ClassDef], prefix: str = "", owner: ast.ClassDef | None = None
) -> Iterator[tuple[str, Function, str]]:
    """Name, function and what is said of it; of `forward` that is also what is said of its class."""
    for node in body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            said = ast.get_docstring(node) or ""
            if owner is not None:
                said = said or _inherited(node.name, owner, classes)
                said += (ast.get_docstring(owner) or "") if node.name == "forward" else ""
            yield prefix + node.name, node, said
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body, classes, f"{prefix}{node.name}.", node)


def _inherited(method: str, owner: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> str:
    """What the nearest base of a class that is ours says of a method; empty where none does."""
    for name in (re.split(r"[.\[]", ast.unparse(base))[0] for base in owner.bases):
        if (base := classes.get(name)) is None or base is owner:
            continue
        own = [node for node in base.body if isinstance(node, Function) and node.name == method]
        if said := next((text for node in own if (text := ast.get_docstring(node))), ""):
            return said
        if said := _inherited(method, base, classes):
            return said
    return ""


def _takes_arrays(node: Function) -> bool:
    a = node.args
    given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    hints = [argument.annotation for argument in given] + [node.returns]
    return any(_ARRAY.search(ast.unparse(hint)) for hint in hints if hint is not None)
