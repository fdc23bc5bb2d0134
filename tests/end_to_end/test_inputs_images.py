"""Pictures as people bring them: the pixels of each file are known, so they come out right, or are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from support.image_cases import Case
from support.picture_cases import HAS_HEIF, HEIC_CASES, PICTURE_CASES
from support.png_cases import PNG_CASES
from support.tiff_cases import TIFF_CASES

from isthmus.common.errors import InputError
from isthmus.data.image.files import read_image

CASES = [*TIFF_CASES, *PNG_CASES, *PICTURE_CASES]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_pictures(case: Case) -> None:
    check(case)


@pytest.mark.skipif(not HAS_HEIF, reason="pillow-heif is not installed: pip install 'isthmus[heif]'")
@pytest.mark.parametrize("case", HEIC_CASES, ids=[case.name for case in HEIC_CASES])
def test_heic(case: Case) -> None:
    check(case)


def check(case: Case) -> None:
    """What comes out is what the case expects, be it pixels or a refusal."""
    if isinstance(case.expected, str):
        with pytest.raises(InputError, match=case.expected):
            read_image(case.write())
        return
    found, expected = read_image(case.write()).pixels, case.expected()
    assert found.shape == expected.shape
    assert int(np.abs(found.astype(int) - expected).max()) <= case.tolerance
