"""Public functions that take or return arrays, and whether their docstrings say the arrays' shapes.

A shape is a list of sizes in brackets, ``[channels, h, w]``, or a word for a single number's array, ``[]``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from isthmus.measure.house.sources import Module

_ARRAY = re.compile(r"\b(?:NDArray|ndarray|Tensor|ArrayLike|(?:Float|UInt|Int|Bool|Complex)\d*)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef
_SHAPE = re.compile(r"\[[^\[\]\n]*\]")


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
    """All of them, of public names in public classes, in the modules' order."""
    return [
        ArrayFunction(f"{module.name}.{name}", node.lineno, bool(_SHAPE.search(text)))
        for module in modules
        for name, node, text in _public(module.tree.body)
        if _takes_arrays(node)
    ]


def _public(body: list[ast.stmt], prefix: str = "", of_class: str = "") -> Iterator[tuple[str, Function, str]]:
    """Name, function and what is said of it; of `forward` that is also what is said of its class."""
    for node in body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            said = ast.get_docstring(node) or ""
            yield prefix + node.name, node, said + of_class if node.name == "forward" else said
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body, f"{prefix}{node.name}.", ast.get_docstring(node) or "")


def _takes_arrays(node: Function) -> bool:
    a = node.args
    given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    hints = [argument.annotation for argument in given] + [node.returns]
    return any(_ARRAY.search(ast.unparse(hint)) for hint in hints if hint is not None)
