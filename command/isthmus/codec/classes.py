"""A codec's classes in words."""

from __future__ import annotations

from collections.abc import Sequence

MAX_CLASS_NAMES = 100


FEW_CLASS_NAMES = 12
"""Of classes that are too many to be read: an idea of them."""


def classes_said(class_names: Sequence[str], most: int) -> str:
    """ "10: bathtub, bed, ..." with all names, of each the first synonym; of more than so many, some."""
    count = len(class_names) if len(class_names) <= most else min(most, FEW_CLASS_NAMES)
    shown = ", ".join(name.partition(",")[0] for name in class_names[:count])
    more = f" and {len(class_names) - count} more" if len(class_names) > count else ""
    return f"{len(class_names)}: {shown}{more}"
