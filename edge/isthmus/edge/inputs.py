"""What a job was given, one signal after another: files, those in folders, and the messages of bags.

A bag is a source of signals as a folder is one. Its messages are read as they are asked for, so that a bag may be
larger than the memory; what cannot be read of it is a failure behind all that could be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError, IsthmusError
from isthmus.data.bag.formats import is_bag
from isthmus.data.bag.samples import Sample, find_topic, samples
from isthmus.data.bag.values import Bag, Topic
from isthmus.data.capture.scans import Scan
from isthmus.edge.failures import Failure, input_names

STANDARD_INPUT_STEM = "stdin"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signal is among the inputs.

    Attributes:
        name: for people.
        fields: for programs: the file, and of a bag's message or a lidar's scan its place in it and its times.
        stem: what files are called that are made of it.
    """

    name: str
    fields: Mapping[str, object]
    stem: str

    @classmethod
    def of_file(cls, name: str) -> Place:
        """Of a file; "-" is standard input."""
        return cls(name, {"file": name}, _stem(name))

    @classmethod
    def of_message(cls, bag: str, sample: Sample) -> Place:
        """Of a message in a bag."""
        topic = sample.topic.name.strip("/").replace("/", "-")
        stem = f"{Path(bag).stem}-{topic}-{sample.index:06d}"
        return cls(f"{bag} {sample.topic.name} {sample.index}", {"file": bag, **sample.fields}, stem)

    @classmethod
    def of_scan(cls, name: str, scan: Scan) -> Place:
        """Of a scan in a recording; "-" is standard input."""
        return cls(f"{name} {scan.index}", {"file": name, **scan.fields}, f"{_stem(name)}-{scan.index:06d}")


def _stem(name: str) -> str:
    return STANDARD_INPUT_STEM if name == "-" else Path(name).stem


@dataclass(frozen=True, slots=True)
class Item:
    """One signal, not read yet.

    Attributes:
        place: of it.
        sample: the message that it is in; None where it is a file of its own, or
        scan: what a lidar sent of it; it is to be read before the next item is asked for.
    """

    place: Place
    sample: Sample | None = None
    scan: Scan | None = None


class Inputs:
    """The signals in what was named, in order; `Failure` for what is none.

    Args:
        inputs: files, folders, bags, and "-" for standard input.
        paths_of: the files of what was named. InputError where there is none.
        types: of messages that hold the signal, none where no bag can have any.
        topic: of bags, "" where they have one that can be read.

    Attributes:
        count: of signals, as far as that is known.

    Raises:
        InputError: a topic was named, and there is no bag.
    """

    def __init__(
        self,
        inputs: Iterable[str],
        paths_of: Callable[[Iterable[str | Path]], list[Path]],
        types: Iterable[str] = (),
        topic: str = "",
    ) -> None:
        self._found: list[str | Failure | tuple[Bag, Topic]] = []
        inputs, types = tuple(inputs), tuple(types)
        bags = {given for given in inputs if given != "-" and is_bag(given)}
        if topic and not bags:
            raise InputError(f"--topic: expected a bag (.mcap, .db3, .bag, or a folder), got {', '.join(inputs)[:200]}")
        for given in inputs:
            if given not in bags:
                self._found += input_names([given], paths_of)
                continue
            try:
                self._found.append(find_topic(given, types, topic))
            except InputError as error:
                self._found.append(Failure(given, error))
        self.count = sum(found[1].count or 0 if isinstance(found, tuple) else 1 for found in self._found)

    def __iter__(self) -> Iterator[Item | Failure]:
        for found in self._found:
            if isinstance(found, tuple):
                yield from _of_bag(*found)
            else:
                yield found if isinstance(found, Failure) else Item(Place.of_file(found))


def _of_bag(bag: Bag, topic: Topic) -> Iterator[Item | Failure]:
    """The messages of a topic; at the end, why there are no more."""
    where = {"file": bag.name, "topic": topic.name}
    has_some = False
    try:
        for sample in samples(bag, topic):
            has_some = True
            yield Item(Place.of_message(bag.name, sample), sample)
    except IsthmusError as error:
        yield Failure(bag.name, error, where)
        return
    if not has_some:
        yield Failure(bag.name, InputError(f"expected messages on {topic.name}, got none"), where)
