"""Tiles cover the plane once, see enough, and change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.runtime import tiles as tiles_module
from isthmus.runtime.tiles import MAX_WHOLE_CELLS, TILE_CELLS, tiles


@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 5))
def test_every_cell_once_with_its_halo(rows: int, columns: int, halo: int) -> None:
    covered = np.zeros((rows, columns), np.int64)
    found = list(tiles(rows, columns, halo))
    for tile in found:
        covered[tile.rows.kept(), tile.columns.kept()] += 1
        for span, count in ((tile.rows, rows), (tile.columns, columns)):
            assert span.seen_start == max(0, span.start - halo)
            assert span.seen_stop == min(count, span.stop + halo)
            assert span.stop - span.start <= (TILE_CELLS if rows * columns > MAX_WHOLE_CELLS else max(rows, columns))
    assert (covered == 1).all()
    assert len(found) == 1 or rows * columns > MAX_WHOLE_CELLS


@pytest.mark.parametrize("shape", [(40, 90), (1, 3000), (33, 64)])
def test_a_sum_over_neighbours_is_that_of_the_whole(shape: tuple[int, int]) -> None:
    """A network of reach 2 on the cells, with zeros outside the plane as convolutions have them."""
    plane = np.random.default_rng(0).integers(0, 100, shape)

    def network(cells: np.ndarray) -> np.ndarray:
        padded = np.pad(cells, 2)
        height, width = cells.shape
        out = np.zeros_like(cells)
        for i, j in np.ndindex(5, 5):
            out += padded[i : i + height, j : j + width] * (i + 7 * j)
        return out

    out = np.zeros_like(plane)
    for tile in tiles(*shape, 2):
        seen = network(plane[tile.rows.seen(), tile.columns.seen()])
        out[tile.rows.kept(), tile.columns.kept()] = seen[tile.rows.kept_of_seen(), tile.columns.kept_of_seen()]
    assert np.array_equal(out, network(plane))


def test_strides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles_module, "MAX_WHOLE_CELLS", 4)
    monkeypatch.setattr(tiles_module, "TILE_CELLS", 3)
    *_, last = tiles(7, 7, 1)
    assert (last.rows.kept(16), last.rows.seen(16)) == (slice(64, 112), slice(48, 112))
    assert last.rows.kept_of_seen(16) == slice(16, 64)
