"""Damaged pictures: each file cut at every byte, and with a bit of every byte turned, is an image or an InputError."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from support.damage import damaged
from support.small_pictures import small_pictures

from isthmus.common.errors import InputError
from isthmus.data.image.files import read_image

PICTURES = small_pictures()
MOST_BYTES = 64e6
"""A changed byte may ask for a larger picture; those of the files here stay under this."""


@pytest.mark.parametrize("name", PICTURES)
def test_damaged_pictures(name: str) -> None:
    read_image(PICTURES[name])
    refusals: list[str] = []
    for data in damaged(PICTURES[name]):
        try:
            read_image(data)
        except InputError as error:
            refusals.append(str(error))
    assert refusals
    assert all("expected" in refusal for refusal in refusals)


@pytest.mark.parametrize("name", PICTURES)
def test_memory_of_damaged_pictures(name: str) -> None:
    tracemalloc.start()
    try:
        for data in damaged(PICTURES[name], step=11):
            with suppress(InputError):
                read_image(data)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
