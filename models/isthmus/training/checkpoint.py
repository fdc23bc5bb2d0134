"""Checkpoints: tensors, numbers, texts, and lists and dicts of them. Nothing else is written, and nothing else read.

A checkpoint of pickled objects runs whatever its maker put into it when it is opened; these are opened with
``weights_only=True``, which refuses everything but data.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from isthmus.common.errors import InputError


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write beside, then rename: a kill in the middle leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def load_checkpoint(path: Path, *, expected: tuple[str, ...] = ()) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU.

    Args:
        path: of the file.
        expected: names that it must hold.

    Raises:
        InputError: there is none, it is no checkpoint, it holds more than data, or it lacks a name.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"{path}: expected a checkpoint of `isthmus train`, got {error.strerror or error}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"{path}: expected a checkpoint of tensors and numbers, got a file that is none, or one of an older "
            "version: train again into another folder"
        ) from error
    if not isinstance(content, dict) or not set(expected) <= set(content):
        held = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise InputError(f"{path}: expected a checkpoint with {', '.join(expected)}, got {held}")
    return content
