"""What a codec knows, in words: it names one of its classes for whatever it is shown."""

from __future__ import annotations

from isthmus.codec.classes import classes_said
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.zoo import ZooFolders, find_codec

# Names in one line of a screen.
MAX_NOTED_NAMES = 12


def class_note(codec: str, zoo: ZooFolders) -> str:
    """The classes of a codec in one line; "" where it has none, or is a family (of images, which have none)."""
    try:
        folder = find_codec(codec, zoo)
    except InputError:
        return ""
    names = load_codec_folder(folder, needed=()).manifest.classes
    if not names:
        return ""
    hint = f" (all: `isthmus inspect {codec}`)" if len(names) > MAX_NOTED_NAMES else ""
    return f"{codec} knows these classes alone, {classes_said(names, MAX_NOTED_NAMES)}{hint}"
