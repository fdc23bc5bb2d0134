"""The precision that a processor multiplies fastest, where a training's result may depend on the machine anyway."""

from __future__ import annotations

from collections.abc import Mapping

import torch

BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # what torch calls these instructions, of x86 and of ARM


def has_bfloat16(able: Mapping[str, object]) -> bool:
    """Whether a processor has instructions for it, by what torch says it is able to."""
    return any(bool(able.get(name)) for name in BFLOAT16)


HAS_BFLOAT16 = has_bfloat16(torch.cpu.get_capabilities())
# Found here, once: asked for within a network, it would break the network's compilation in pieces.


def mixed(kind: str = "cpu", *, is_wanted: bool = True) -> torch.autocast:
    """A context in which networks on a device of a `kind` run in bfloat16, if it is faster there; else in float32.

    A processor without bfloat16 instructions emulates them, at a fifth of float32's speed.
    """
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=is_wanted and fastest(kind) == torch.bfloat16)


def fastest(kind: str = "cpu") -> torch.dtype:
    """bfloat16 where devices of a `kind` have instructions for its products, float32 elsewhere."""
    return torch.float32 if kind == "cpu" and not HAS_BFLOAT16 else torch.bfloat16
