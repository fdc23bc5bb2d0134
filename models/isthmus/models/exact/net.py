"""Networks in exact integer arithmetic: no float decides a bit.

Theory of operation. Every activation is a small integer, every weight an integer, both held in float32. As long as no
partial sum reaches 2**24, float32 adds integers exactly, in any order: so every runtime, thread count, batch size and
instruction set gives the same result, with ordinary fast float kernels and no special ones. Between layers stands only
``clip(floor(acc * 2**-shift), 0, top)``: a power of two scales exactly and floor is exact.

The bound is proven for each layer from its own weights, ``sum(abs(weight)) * largest input + abs(bias) < 2**24``;
weights take all the precision that the bound leaves. Positive scales of activations move from a layer into the next one
(ReLU is positively homogeneous), so each channel fills its integer range.

(Runtimes that silently round float32 products to fewer bits, as TF32 does, are outside this contract.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EXACT_LIMIT = 1 << 24
INPUT_BITS = 10  # coordinates are rounded to 1/1024 of the unit ball's radius
MAX_SHIFT = 20
LEAST_SHIFT = 3

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class IntegerLinear:
    """``acc = weight @ x + bias`` over integers; if `top`, then ``clip(floor(acc * 2**-shift), 0, top)``."""

    weight: Int32  # [out, in]
    bias: Int32  # [out]
    shift: Int32  # [out]
    top: int  # 0: the accumulator itself is the output
    input_top: int  # largest magnitude of an input

    def __post_init__(self) -> None:
        if self.bound() >= EXACT_LIMIT:
            raise ValueError(f"expected every sum under 2**24, got a bound of {self.bound()}")

    def bound(self) -> int:
        """Largest magnitude that any partial sum can take."""
        weight = np.abs(self.weight.astype(np.int64)).sum(1) * self.input_top
        return int((weight + np.abs(self.bias.astype(np.int64))).max())


def quantize_hidden(
    weight: Float64,
    bias: Float64,
    input_scale: Float64,
    input_top: int,
    output_max: Float64,
    top: int,
    weight_top: int = EXACT_LIMIT,
) -> tuple[IntegerLinear, Float64]:
    """A ReLU layer over integers, and the scale of its output channels (integer = scale * real).

    `weight` ``[out, in]`` and `bias` are the float layer; `input_scale` ``[in]`` says integer = scale * real of its
    input; `output_max` ``[out]`` is the largest value each channel is expected to take (more is clipped to `top`);
    `weight_top` bounds the magnitude of the weights, for their storage.
    """
    real = weight / input_scale[None, :]
    magnitude = np.abs(real).sum(1) * input_top + np.abs(bias)
    room = EXACT_LIMIT - 1 - (input_top * weight.shape[1] / 2 + 1)
    # A channel that hardly ever fires must not be blown up until its weights have no precision left.
    scale = np.minimum(top / np.maximum(output_max, 1e-9), room / np.maximum(magnitude, 1e-9) / 2.0**LEAST_SHIFT)
    shift = np.floor(np.log2(room / np.maximum(magnitude * scale + 0.5, 1e-9)))
    largest = np.maximum(np.abs(real).max(1) * scale, 1e-9)
    shift = np.minimum(np.minimum(shift, np.floor(np.log2((weight_top + 0.49) / largest))), MAX_SHIFT)
    factor = scale * 2.0**shift
    w = np.rint(real * factor[:, None]).astype(np.int32)
    # floor() after adding half a step rounds to nearest.
    half = np.where(shift > 0, 2.0 ** (shift - 1), 0.0)
    b = np.rint(bias * factor + half).astype(np.int32)
    return IntegerLinear(w, b, shift.astype(np.int32), top, input_top), scale


def quantize_output(
    weight: Float64, bias: Float64, input_scale: Float64, input_top: int, factor_limit: float = 2.0**MAX_SHIFT
) -> tuple[IntegerLinear, int]:
    """A final linear layer, one power of two for all outputs so that they compare: integer = 2**shift * real.

    `weight` ``[out, in]`` and `bias` ``[out]`` are the float layer, `input_scale` ``[in]`` as in `quantize_hidden`.
    """
    real = weight / input_scale[None, :]
    magnitude = (np.abs(real).sum(1) * input_top + np.abs(bias)).max()
    room = (EXACT_LIMIT - 1 - input_top * (weight.shape[1] / 2 + 1)) / max(magnitude, 1e-12)
    shift = int(np.floor(np.log2(min(room, factor_limit))))
    factor = 2.0**shift
    layer = IntegerLinear(
        np.rint(real * factor).astype(np.int32),
        np.rint(bias * factor).astype(np.int32),
        np.zeros(len(bias), np.int32),
        0,
        input_top,
    )
    return layer, shift
