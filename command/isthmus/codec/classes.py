"""A codec's classes in words."""

from __future__ import annotations

from collections.abc import Sequence

MAX_CLASS_NAMES = 100


def classes_said(class_names: Sequence[str], most: int) -> str:
    """ "10: bathtub, bed, ..." with at most so many names, of each the first synonym."""
    shown = ", ".join(name.partition(",")[0] for name in class_names[:most])
    more = f" and {len(class_names) - most} more" if len(class_names) > most else ""
    return f"{len(class_names)}: {shown}{more}"
