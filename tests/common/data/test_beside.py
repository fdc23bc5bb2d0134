"""Where real data lies: beside the project, or where the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.data.beside import VARIABLE, data_beside, reference_beside


def test_the_environment_says_where_data_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert data_beside("a.npz") == Path("../shared/data/a.npz")
    monkeypatch.setenv(VARIABLE, "/there")
    assert data_beside("a.npz") == Path("/there/data/a.npz")
    assert reference_beside("b.csv") == Path("/there/reference/b.csv")
