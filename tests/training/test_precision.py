"""Networks train in bfloat16 only where the processor has instructions for it."""

from __future__ import annotations

import pytest
import torch

from isthmus.training import precision


@pytest.mark.parametrize(
    ("able", "dtype"),
    [({}, torch.float32), ({"avx512_bf16": False}, torch.float32), ({"amx_bf16": True}, torch.bfloat16)],
)
def test_bfloat16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, bool], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(precision, "HAS_BFLOAT16", precision.has_bfloat16(able))
    with precision.mixed():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == dtype == precision.fastest()


def test_float32_where_it_is_wanted() -> None:
    with precision.mixed(is_wanted=False):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
