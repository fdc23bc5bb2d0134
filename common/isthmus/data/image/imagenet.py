"""The thousand classes of ImageNet's challenge (ILSVRC 2012), in the order that networks trained on it answer in.

That order is the one of their numbers in WordNet 3.0. Of a class's synonyms the first stands here, with a word in
parentheses where two would be the same but for capitals (`crane (bird)`, `crane (machine)`). Synsets, their order and
their synonyms are as the package `timm` has them (1.0.31, Apache-2.0; `timm/data/_info/`).
"""

from __future__ import annotations

from pathlib import Path

IMAGENET = "imagenet"
"""The word for them, where a file of names is asked for."""
_FILE = Path(__file__).with_name("imagenet_classes.txt")


def imagenet_classes() -> tuple[str, ...]:
    """Their 1,000 names, all different."""
    return tuple(_FILE.read_text(encoding="utf-8").splitlines())
