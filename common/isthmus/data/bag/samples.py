"""The messages of one topic, each with its place and its times: what a bag gives to whoever reads what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.data.bag.fields import Fields
from isthmus.data.bag.files import open_bag
from isthmus.data.bag.headers import Stamp
from isthmus.data.bag.unpacking import unpacked
from isthmus.data.bag.values import Bag, Recorded, Topic

PACKED = b"\x28\xb5\x2f\xfd"
"""What Zstandard begins with, and no CDR: `ros2 bag record --compression-mode message` packs each message."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One message.

    Attributes:
        topic: that it is of.
        index: of it among the topic's messages, from 0 on.
        stamp: its own header, None where that cannot be read.
        recorded: its bytes, and when they were recorded.
    """

    topic: Topic
    index: int
    stamp: Stamp | None
    recorded: Recorded

    @property
    def fields(self) -> dict[str, object]:
        """Its place and times, of a JSON object; `stamp_ns` is None where nobody set it."""
        stamp_ns = self.stamp.stamp_ns or None if self.stamp is not None else None
        times = {"log_time_ns": self.recorded.log_time_ns, "stamp_ns": stamp_ns}
        return {"topic": self.topic.name, "index": self.index, **times}


def samples(bag: Bag, topic: Topic) -> Iterator[Sample]:
    """The messages of a topic, one in memory at a time. InputError at what cannot be read, after all that could be."""
    for index, found in enumerate(bag.messages(topic)):
        recorded = found
        if found.data[: len(PACKED)] == PACKED:
            recorded = replace(found, data=unpacked(found.data, "zstd", None))
        try:
            stamp = Stamp.read(Fields(recorded.data, recorded.encoding))
        except InputError:
            stamp = None  # who reads the rest of it says why
        yield Sample(topic, index, stamp, recorded)


def find_topic(path: str | Path, types: Iterable[str], wanted: str = "") -> tuple[Bag, Topic]:
    """A bag, and the topic that is to be read of it.

    Args:
        path: of the bag.
        types: of messages that can be read.
        wanted: a topic's name; "" where there is but one of these types.

    Raises:
        InputError: no bag; no such topic, or several: the message lists them.
    """
    bag, types = open_bag(path), tuple(types)
    contents = bag.contents()
    usable = [topic for topic in contents.topics if topic.type in types]
    named = [topic for topic in contents.topics if topic.name in (wanted, f"/{wanted}")]
    found = [topic for topic in named if topic in usable] if wanted else usable
    if len(found) == 1:
        return bag, found[0]
    if named and not found:
        got = f"{wanted} of {' and '.join(topic.type or 'no type' for topic in named)}"
    elif wanted and not named:
        got = f"no {wanted}"
    else:
        got = f"{len(found)} topics" if found else "none"
    if contents.fault is not None and not found:
        got += f" in what can be read of it ({contents.fault})"
    listed = ", ".join(f"{topic.name} ({topic.type})" for topic in usable[:20]) or "nothing that can be read"
    raise InputError(
        f"{path}: expected one topic of {', '.join(types)}, got {got}; it has {listed}"
        f"{'; name one with --topic' if usable else ''}"
    )
