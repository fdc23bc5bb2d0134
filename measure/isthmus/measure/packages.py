"""Packages that a measurement needs: said before a long run, not after it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from isthmus.common.errors import MissingDependencyError


def require_packages(modules: Iterable[str], extras: str = "measure") -> None:
    """MissingDependencyError if one of these cannot be imported; `extras` are the project's that bring them."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(f"measuring needs {', '.join(missing)}: pip install 'isthmus[{extras}]'")
