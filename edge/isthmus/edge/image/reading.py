"""The image of an item, a file or a message of a bag. Apart from `coding`, so that codecs of videos load no other."""

from __future__ import annotations

import sys

from isthmus.common.signals import Image
from isthmus.data.bag.pictures import read_picture
from isthmus.data.image.files import read_image
from isthmus.edge.inputs import Item


def read_item(item: Item, format_name: str = "") -> Image:
    """The image of a file ("-" is standard input) or of a message. InputError where there is none."""
    if item.sample is not None:
        return read_picture(item.sample)
    name = item.place.name
    return read_image(sys.stdin.buffer if name == "-" else name, format=format_name or None)
