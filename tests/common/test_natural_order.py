"""Names as people count."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.common.natural_order import natural_key


@pytest.mark.parametrize(
    "wanted",
    [
        ["frame1", "frame2", "frame10", "frame12"],
        ["1.png", "02.png", "3.png", "010.png"],
        ["a/9.png", "a/10.png", "b/1.png"],
        ["a2b1", "a2b10", "a10b1"],
        ["7", "7a", "b"],
        ["01", "1", "2"],
        ["2", "\u00b2"],
        ["x99999999999999999999", "x100000000000000000000"],
    ],
)
def test_natural_order(wanted: list[str]) -> None:
    for given in (wanted, wanted[::-1]):
        assert sorted(map(Path, given), key=natural_key) == list(map(Path, wanted))
