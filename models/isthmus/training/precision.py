"""The precision that a processor multiplies fastest, where a training's result may depend on the machine anyway."""

from __future__ import annotations

from functools import cache

import torch

BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # what torch calls these instructions, of x86 and of ARM


def mixed(kind: str = "cpu", *, is_wanted: bool = True) -> torch.autocast:
    """A context in which networks on a device of a `kind` run in bfloat16, if it is faster there; else in float32.

    A processor without bfloat16 instructions emulates them, at a fifth of float32's speed.
    """
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=is_wanted and fastest(kind) == torch.bfloat16)


@cache
def fastest(kind: str = "cpu") -> torch.dtype:
    """bfloat16 where devices of a `kind` have instructions for its products, float32 elsewhere."""
    able = torch.cpu.get_capabilities() if kind == "cpu" else dict.fromkeys(BFLOAT16, True)
    return torch.bfloat16 if any(able.get(name, False) for name in BFLOAT16) else torch.float32
