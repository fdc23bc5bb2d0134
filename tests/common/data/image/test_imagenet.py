"""The names of ImageNet's classes: as many as networks answer, each its own, in their order."""

from __future__ import annotations

from isthmus.common.manifest.fields import check_class_names
from isthmus.data.image.imagenet import imagenet_classes


def test_a_thousand_names_in_the_order_of_the_challenge() -> None:
    names = imagenet_classes()
    check_class_names(names)
    assert len({name.lower() for name in names}) == len(names) == 1000
    # Numbers that published answers of such networks are known by.
    known = {0: "tench", 207: "golden retriever", 281: "tabby", 340: "zebra", 388: "giant panda", 409: "analog clock"}
    known |= {134: "crane (bird)", 517: "crane (machine)", 620: "laptop", 817: "sports car", 954: "banana"}
    known |= {999: "toilet tissue"}
    assert {number: names[number] for number in known} == known
