"""Which signal a command is about: its codec says it, or where none was named, the names of its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.zoo import ZooFolders, codec_folders, find_codec, find_zoos
from isthmus.data.bag.formats import is_bag
from isthmus.data.bag.samples import find_topic


@dataclass(frozen=True, slots=True)
class Choice:
    """What a command is about.

    Attributes:
        signal: of its inputs and its codec.
        codec: its name, a folder, or a family's name.
    """

    signal: Signal
    codec: str


def choose_codec(
    inputs: tuple[str, ...],
    codec: str = "",
    zoo: ZooFolders = None,
    format_name: str = "",
    *,
    signal: str = "",
    by_family: bool = False,
    topic: str = "",
) -> Choice:
    """The signal and the codec; the signal's default where `codec` is "".

    Args:
        inputs: as a user named them.
        codec: a codec's or a family's name, or a folder.
        zoo: folders of codecs, None for the usual ones.
        format_name: of the inputs, "" to go by their names.
        signal: what the inputs are, whatever their names: "video" makes a folder of images one.
        by_family: whether a quality is asked for, which a family of codecs gives.
        topic: of bags, "" where they have one that can be read.

    Raises:
        InputError: no such codec, or none was named and the inputs are of several signals.
        ManifestError: the codec's folder is damaged.
    """
    if codec:
        return Choice(_signal_of(codec, zoo), codec)
    found = SIGNALS[signal] if signal else _signal_named(inputs, format_name, topic)
    return Choice(found, (by_family and found.default_family) or found.default_codec)


def _signal_of(codec: str, zoo: ZooFolders) -> Signal:
    folder: Path | None = None
    if "/" not in codec and "\\" not in codec:
        folders = codec_folders(find_zoos(zoo))
        members = [path for path in folders if path.name.rpartition("-q")[0] == codec]
        if members and all(path.name != codec for path in folders):
            folder = members[0]
    return SIGNALS[load_codec_folder(folder or find_codec(codec, zoo), needed=()).manifest.signal]


def _signal_named(inputs: tuple[str, ...], format_name: str, topic: str) -> Signal:
    """The signal of the inputs by their format, or by their names; the first there is where they say nothing."""
    found: dict[str, str] = {}
    faults: list[InputError] = []
    for given in inputs:
        if is_bag(given):
            try:
                found.setdefault(_signal_in_bag(given, topic).name, given)
            except InputError as error:
                faults.append(error)
            continue
        for name in _names(given):
            for signal in SIGNALS.values():
                if signal.has_name(name):
                    found.setdefault(signal.name, name)
    if format_name and not any(SIGNALS[name].is_sequence for name in found):
        known = [signal for signal in SIGNALS.values() if format_name in signal.formats.values()]
        return known[0] if known else next(iter(SIGNALS.values()))
    if len(found) > 1:
        (first, one), (second, other) = list(found.items())[:2]
        raise InputError(
            f"expected inputs of one signal, got the {SIGNALS[first].noun} {one} and the {SIGNALS[second].noun} "
            f"{other}; name the wanted files, or a codec with --codec"
        )
    if faults and not found:
        raise faults[0]
    return SIGNALS[next(iter(found))] if found else next(iter(SIGNALS.values()))


def _signal_in_bag(path: str, topic: str) -> Signal:
    """The signal of a bag's messages. Pictures are images: that they are a video, somebody must say."""
    alone = [signal for signal in SIGNALS.values() if not signal.is_sequence]
    by_type = {name: signal for signal in alone for name in signal.message_types}
    return by_type[find_topic(path, by_type, topic)[1].type]


def _names(given: str) -> Iterator[str]:
    """The name itself; of a folder, those of its files that say something."""
    path = Path(given)
    if not path.is_dir():
        yield given
        return
    vague = tuple(suffix for signal in SIGNALS.values() for suffix in signal.vague_suffixes)
    alone = tuple(suffix for signal in SIGNALS.values() if signal.is_sequence for suffix in signal.suffixes)
    for file in path.rglob("*"):
        if not file.name.lower().endswith(vague + alone):
            yield str(file)
