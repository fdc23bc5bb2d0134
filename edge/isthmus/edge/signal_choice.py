"""Which signal a command is about: its codec says it, or where none was named, the names of its inputs and the task.

Where a codec takes inputs of another signal (a codec of videos takes an image as one key frame), these go their own way
through it: `Choice.way`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, Taking, opened
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.tasks import TASKS, verbs
from isthmus.common.zoo import ZooFolders, codec_folders, find_codec, find_zoos
from isthmus.data.bag.formats import is_bag
from isthmus.data.bag.samples import find_topic


@dataclass(frozen=True, slots=True)
class Choice:
    """What a command is about.

    Attributes:
        signal: of its codec.
        codec: its name, a folder, or a family's name.
        way: how the inputs go through it: that signal's own, or the one of inputs of another signal.
    """

    signal: Signal
    codec: str
    way: Signal | Taking

    @property
    def is_sequence(self) -> bool:
        """Whether one input is many packets that belong together."""
        return self.way is self.signal and self.signal.is_sequence


def choose_codec(
    inputs: tuple[str, ...],
    codec: str = "",
    zoo: ZooFolders = None,
    format_name: str = "",
    *,
    signal: str = "",
    by_family: bool = False,
    task: str = "",
    topic: str = "",
) -> Choice:
    """The signal and the codec; where `codec` is "", what the inputs' signal has for the task.

    Args:
        inputs: as a user named them.
        codec: a codec's or a family's name, or a folder.
        zoo: folders of codecs, None for the usual ones.
        format_name: of the inputs, "" to go by their names.
        signal: what the inputs are, whatever their names: "video" makes a folder of images one.
        by_family: whether a quality is asked for, which a family of codecs gives.
        task: what is asked for, in a verb: "classify"; "" for what the codec does.
        topic: of bags, "" where they have one that can be read.

    Raises:
        InputError: no such codec or task, a codec that does not do it, or none was named and the inputs are of several
            signals.
        ManifestError: the codec's folder is damaged.
    """
    if task and task not in verbs():
        raise InputError(f"--task: expected one of {', '.join(verbs())}, got {task!r}")
    if not codec:
        own = SIGNALS[signal] if signal else _signal_named(inputs, format_name, topic)
        codec = own.codec_for(task)
        if by_family and own.default_family and codec == own.default_codec:
            codec = own.default_family
        if not task:
            return Choice(own, codec, own)
    manifest = _manifest_of(codec, zoo)
    found = SIGNALS[manifest.signal]
    named = list(_signals_named(inputs, format_name, topic)) if task and not signal else []
    if task:
        _check_task(manifest, task, [SIGNALS[name] for name in named], zoo)
    if not signal:
        for name, taking in found.takes.items():
            if named == [name] or all(opened(taking.is_one)(given) for given in inputs):
                return Choice(found, codec, taking)
    return Choice(found, codec, found)


def _check_task(manifest: Manifest, task: str, signals: list[Signal], zoo: ZooFolders) -> None:
    """InputError where a codec does not do what is asked for, with the usual codec of the inputs that does."""
    try:
        manifest.task_for(task)
    except InputError as error:
        usual = [signal.codec_for(task) for signal in signals]
        able = [name for name in usual if task in {TASKS[word].asked_as for word in _manifest_of(name, zoo).tasks}]
        advice = f"leave --codec out, for {able[0]}" if able else "`isthmus inspect CODEC` says what a codec does"
        raise InputError(f"--{error}; {advice}") from error


def _manifest_of(codec: str, zoo: ZooFolders) -> Manifest:
    """The manifest of a codec, or of a family's first."""
    folder: Path | None = None
    if "/" not in codec and "\\" not in codec:
        folders = codec_folders(find_zoos(zoo))
        members = [path for path in folders if path.name.rpartition("-q")[0] == codec]
        if members and all(path.name != codec for path in folders):
            folder = members[0]
    return load_codec_folder(folder or find_codec(codec, zoo), needed=()).manifest


def _signal_named(inputs: tuple[str, ...], format_name: str, topic: str) -> Signal:
    """The signal of the inputs by their format, or by their names; the first there is where they say nothing."""
    found = _signals_named(inputs, format_name, topic)
    if len(found) > 1:
        (first, one), (second, other) = list(found.items())[:2]
        raise InputError(
            f"expected inputs of one signal, got the {SIGNALS[first].noun} {one} and the {SIGNALS[second].noun} "
            f"{other}; name the wanted files, or a codec with --codec"
        )
    for bag in (given for given in inputs if not found and is_bag(given)):
        _signal_in_bag(bag, topic)  # it says why it has none
    return SIGNALS[next(iter(found))] if found else next(iter(SIGNALS.values()))


def _signal_in_bag(path: str, topic: str) -> Signal:
    """The signal of a bag's messages. Pictures are images: that they are a video, somebody must say."""
    alone = [signal for signal in SIGNALS.values() if not signal.is_sequence]
    by_type = {name: signal for signal in alone for name in signal.message_types}
    return by_type[find_topic(path, by_type, topic)[1].type]


def _signals_named(inputs: tuple[str, ...], format_name: str, topic: str) -> dict[str, str]:
    """The signals that the inputs are of, by name, each with an input that says so; by their format where it can be."""
    found: dict[str, str] = {}
    for given in inputs:
        if is_bag(given):
            with suppress(InputError):  # who reads it says so
                found.setdefault(_signal_in_bag(given, topic).name, given)
            continue
        for name in _names(given):
            for signal in SIGNALS.values():
                if signal.has_name(name):
                    found.setdefault(signal.name, name)
    if format_name and not any(SIGNALS[name].is_sequence for name in found):
        known = [signal.name for signal in SIGNALS.values() if format_name in signal.formats.values()]
        return dict.fromkeys(known[:1], format_name)
    return found


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
