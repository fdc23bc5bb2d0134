"""Percentiles of samples."""

from __future__ import annotations

import pytest

from isthmus.common.errors import InputError
from isthmus.measure.percentiles import Percentiles


def test_percentiles() -> None:
    assert Percentiles.of(range(101)) == Percentiles(50.0, 95.0, 50.0)
    with pytest.raises(InputError, match="got none"):
        Percentiles.of([])
