"""Names of files that are made of several inputs, which may be called the same: a/1.jpg and b/1.jpg."""

from __future__ import annotations


def unused(stem: str, taken: set[str]) -> str:
    """The stem, or with a number where it is taken: photo, photo-2, photo-3. It is in `taken` from now on."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
