"""The modules of the project as their source says: lines, imports between them, circles of imports. Nothing is run.

An import counts wherever it stands, at the top of a file or late in a function, for types only or not: a circle is a
circle of what a reader must know. A string that names a module, as `"isthmus.edge.video.coding:open_encoder"` does, is
no import: so the value of a signal names what lies above it, and what lies above may still import the value. But it
counts where it is asked which modules know of a signal.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError

SOURCE_ROOTS = ("common", "models", "edge", "cloud", "measure", "command")
"""Folders whose `isthmus/` is a portion of the namespace; the generated modules of `proto/` are not ours to read."""
MAX_MODULE_LINES = 300
_DOTTED = re.compile(r"(isthmus(?:\.\w+)+)(?::\w+)?")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file.

    Attributes:
        name: as it is imported, without `__init__`.
        path: of the file.
        text: its source.
        tree: the same, parsed.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """All lines, as `wc -l` counts them."""
        return self.text.count("\n")

    @property
    def head(self) -> str:
        """The docstring of the module; empty where there is none."""
        return ast.get_docstring(self.tree) or ""


def read_modules(root: Path) -> dict[str, Module]:
    """All modules of the project by name.

    Args:
        root: folder of the project, with `common/isthmus` in it.

    Raises:
        InputError: there is no such folder.
    """
    found: dict[str, Module] = {}
    for portion in SOURCE_ROOTS:
        folder = root / portion / "isthmus"
        if not folder.is_dir():
            raise InputError(f"expected the project's source, got no folder {folder}; run this in its checkout")
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(root / portion).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = path.read_text(encoding="utf-8")
            found[name] = Module(name, path, text, ast.parse(text, str(path)))
    return found


def count_lines(folder: Path) -> int:
    """Lines of all Python files below a folder."""
    return sum(path.read_text(encoding="utf-8").count("\n") for path in folder.rglob("*.py"))


def imports_between(modules: Mapping[str, Module]) -> dict[str, frozenset[str]]:
    """Which modules each module imports, of those given."""
    return {name: frozenset(_imported(module, modules)) - {name} for name, module in modules.items()}


def known_to(modules: Mapping[str, Module]) -> dict[str, frozenset[str]]:
    """Which modules each module imports or names in a string, of those given."""
    return {
        name: frozenset((*_imported(module, modules), *_named(module, modules))) - {name}
        for name, module in modules.items()
    }


def import_circles(imports: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Groups of modules each of which reaches every other one of its group; sorted.

    Tarjan's algorithm, of the strongly connected components of more than one module.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []
    circles: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        waiting.append(name)
        for other in imports[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in waiting:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = waiting.index(name)
            if len(waiting) - at > 1:
                circles.append(tuple(sorted(waiting[at:])))
            del waiting[at:]

    for name in imports:
        if name not in index:
            visit(name)
    return sorted(circles)


def large_modules(modules: Mapping[str, Module]) -> list[Module]:
    """Those of more than `MAX_MODULE_LINES` lines, the largest first."""
    return sorted((m for m in modules.values() if m.lines > MAX_MODULE_LINES), key=lambda m: -m.lines)


def _imported(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                name = inner if inner in modules else node.module
                if name in modules:
                    yield name


def _named(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _DOTTED.fullmatch(node.value)
            if match and match[1] in modules:
                yield match[1]
