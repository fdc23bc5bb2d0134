"""Names as parts of summary keys and of files."""

from __future__ import annotations


def slug(name: str) -> str:
    """Small letters and digits, words joined by an underscore: ``fire2/squeeze1x1`` is ``fire2_squeeze1x1``."""
    return "_".join("".join(c if c.isalnum() and c.isascii() else " " for c in name.lower()).split())
