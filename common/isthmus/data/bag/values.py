"""What a robot's bag holds: topics, and messages on them with the times at which they were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from isthmus.common.errors import InputError

Record = TypeVar("Record")

MAX_MESSAGE_BYTES = 256 * 2**20
"""Of a message, and of a chunk of them when it is unpacked."""

MAX_TOPICS = 10_000
"""Publishers that are remembered; a bag of more is refused."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What is published under one name.

    Attributes:
        name: as "/lidar/points".
        type: of its messages, as ROS 1 writes it: "sensor_msgs/PointCloud2".
        count: of its messages; None where the bag does not say.
    """

    name: str
    type: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The topics of a bag.

    Attributes:
        topics: by name.
        fault: why there may be more of them, None where the bag is whole.
    """

    topics: tuple[Topic, ...]
    fault: InputError | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message as it lies in a bag.

    Attributes:
        log_time_ns: when it was recorded, from the epoch on.
        encoding: of its bytes, "cdr" (ROS 2) or "ros1".
        data: of it.
    """

    log_time_ns: int
    encoding: str
    data: bytes


class Bag(Protocol):
    """One file of messages.

    Attributes:
        name: for messages to people.
    """

    name: str

    def contents(self) -> Contents:
        """Its topics. InputError for what is no bag at all."""

    def messages(self, topic: Topic) -> Iterator[Recorded]:
        """Those of a topic, in the order in which they were written; InputError at what cannot be read."""


def plain_type(name: str) -> str:
    """A type's name as ROS 1 writes it: ROS 2 has "msg" between package and name."""
    return name.replace("/msg/", "/")


def summed(name: str, topics: list[Topic], fault: InputError | None = None) -> Contents:
    """Topics of several publishers or files as one each, by name.

    Args:
        name: of the bag, for messages.
        topics: perhaps the same several times.
        fault: why there may be more.
    """
    counts: dict[tuple[str, str], int | None] = {}
    for topic in topics:
        key, count = (topic.name, topic.type), topic.count
        before = counts.get(key, 0)
        counts[key] = None if before is None or count is None else before + count
    if len(counts) > MAX_TOPICS:
        raise InputError(f"{name}: expected at most {MAX_TOPICS} topics, got {len(counts)}")
    return Contents(tuple(Topic(*key, count) for key, count in sorted(counts.items())), fault)


def read_through(
    name: str, records: Iterable[Record], add: Callable[[Record], None], topics: Callable[[], list[Topic]]
) -> Contents:
    """The topics of a bag without a summary, from all that is there; of a cut one, from what is whole.

    Args:
        name: of the bag, for messages.
        records: of the whole bag, read one by one.
        add: takes in a record.
        topics: those that were met with so far.

    Raises:
        InputError: it is damaged before any topic.
    """
    fault = None
    try:
        for record in records:
            add(record)
    except InputError as error:
        if not topics():
            raise
        fault = error
    return summed(name, topics(), fault)
