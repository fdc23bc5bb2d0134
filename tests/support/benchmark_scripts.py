"""The scripts of `benchmarks/` as modules; they find each other as they do when they are run."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from support.paths import ROOT


def benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One of them."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module(name)
