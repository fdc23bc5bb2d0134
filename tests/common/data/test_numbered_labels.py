"""Labels of data that number their classes: by the codec's numbers where names show that these are the same."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.common.errors import InputError
from isthmus.data.labelled_files import placed

KNOWN = ("tench, Tinca tinca", "goldfish", "great white shark", "crane (bird)", "crane (machine)", "cock")
NAMES = ("n01440764_tench", "class 1", "n01484850_great_white_shark", "n02012849_crane", "class 4", "n01514668_cock")


def test_data_that_number_as_the_codec_does() -> None:
    """A name that the codec writes otherwise, or twice, has its number all the same."""
    assert placed([0, 2, 3, 0], NAMES, KNOWN, "data", "codec").tolist() == [0, 2, 3, 0]
    assert placed(range(6), NAMES, KNOWN, "data", "codec").tolist() == list(range(6))


@pytest.mark.parametrize(
    "names",
    [
        ("n01440764_cock", "class 1", "n01484850_great_white_shark", "n02012849_tench"),  # at other places
        ("n01440764_tench", "goldfish", "n01484850_great_white_shark", "n02012849_crane"),  # by names alone
        (*NAMES, "class 6"),  # more classes than the codec has
        ("n01440764_otter", "class 1", "n01484850_seal", "n02012849_tench"),  # mostly others
    ],
)
def test_data_that_do_not(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="expected classes that codec knows"):
        placed(np.array([0, 2, 3]), names, KNOWN, "data", "codec")
