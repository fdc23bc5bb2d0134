"""What a codec knows, in words: it names one of its classes for whatever it is shown."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.zoo import ZooFolders, find_codec

# Names in one line of a screen.
MAX_NOTED_NAMES = 12


def classes_said(class_names: Sequence[str], most: int) -> str:
    """ "10: bathtub, bed, ..." with at most so many names, of each the first synonym."""
    shown = ", ".join(name.partition(",")[0] for name in class_names[:most])
    more = f" and {len(class_names) - most} more" if len(class_names) > most else ""
    return f"{len(class_names)}: {shown}{more}"


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
