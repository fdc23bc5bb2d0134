"""Bags of ROS 1 (`.bag`, version 2.0).

Source: http://wiki.ros.org/Bags/Format/2.0. A file is records, each a header of named values and its data: connections
name topics and types, chunks hold messages, packed or not; an index behind them repeats the connections and counts the
messages of each chunk. Read from front to end, one record in memory at a time: a bag that was never closed gives what
it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError
from isthmus.data.bag.fields import ROS1
from isthmus.data.bag.unpacking import unpacked
from isthmus.data.bag.values import MAX_MESSAGE_BYTES, MAX_TOPICS, Contents, Recorded, Topic, read_through, summed

MAGIC = b"#ROSBAG V2.0\n"
MESSAGE, BAG_HEADER, CHUNK, CHUNK_INFO, CONNECTION = 2, 3, 5, 6, 7
MAX_HEADER_BYTES = 1 << 16
"""Of a record; names in it are remembered."""
NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class _Record:
    """A record: its kind, the values of its header, and its data."""

    kind: int
    values: dict[str, bytes]
    data: bytes

    def number(self, name: str) -> int:
        """A whole number of the header."""
        return int.from_bytes(self.value(name), "little")

    def value(self, name: str) -> bytes:
        """A value of the header."""
        if name not in self.values:
            raise InputError(f"expected {name} in the header of a record, got none; it is damaged")
        return self.values[name]

    def text(self, name: str) -> str:
        """Words of the header."""
        return self.value(name).decode("utf-8", "replace")


@dataclass(slots=True)
class _Known:
    """Connections so far, (topic, type) by their numbers, and how many messages each has."""

    connections: dict[int, tuple[str, str]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, record: _Record) -> None:
        """A record; those of other kinds are passed over."""
        if record.kind == CONNECTION:
            inner = _values(record.data, 0, len(record.data), len(record.data))
            type_name = inner.get("type", b"").decode("utf-8", "replace")[:MAX_HEADER_BYTES]
            self.connections[record.number("conn")] = record.text("topic"), type_name
            if len(self.connections) > MAX_TOPICS:
                raise InputError(f"expected at most {MAX_TOPICS} connections, got more")
        elif record.kind == MESSAGE:
            number = record.number("conn")
            self.counts[number] = self.counts.get(number, 0) + 1
        elif record.kind == CHUNK_INFO:
            for at in range(0, len(record.data) - 7, 8):
                number = int.from_bytes(record.data[at : at + 4], "little")
                count = int.from_bytes(record.data[at + 4 : at + 8], "little")
                self.counts[number] = self.counts.get(number, 0) + count

    def topics(self) -> list[Topic]:
        """Of the connections, each with its count."""
        return [Topic(*names, self.counts.get(number, 0)) for number, names in self.connections.items()]


class Ros1Bag:
    """One bag of ROS 1; see `isthmus.data.bag.values.Bag`."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def contents(self) -> Contents:
        """Its topics, from its index; where that cannot be read, from all that is there."""
        with self._path.open("rb") as file:
            known = _Known()
            try:
                size, index_at = self._begin(file)
                if not 0 < index_at < size:
                    raise self._cut(size)
                file.seek(index_at)
                while record := self._next(file, size):
                    known.add(record)
                return summed(self.name, known.topics())
            except InputError:
                known = _Known()  # the messages say it themselves
            return read_through(self.name, self._records(file), known.add, known.topics)

    def messages(self, topic: Topic) -> Iterator[Recorded]:
        """The messages of a topic, in the order of the file."""
        known = _Known()
        with self._path.open("rb") as file:
            for record in self._records(file):
                if record.kind == CONNECTION:
                    known.add(record)
                elif known.connections.get(record.number("conn")) == (topic.name, topic.type):
                    when = record.value("time")
                    seconds, rest = int.from_bytes(when[:4], "little"), int.from_bytes(when[4:8], "little")
                    yield Recorded(seconds * NS_PER_S + rest, ROS1, record.data)

    def _begin(self, file: BinaryIO) -> tuple[int, int]:
        """The size of the file, and where its index is, 0 where it was never closed; read up to the first record."""
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(
                f"{self.name}: expected a bag of ROS 1, which begins with {MAGIC!r}, got another beginning"
            )
        record = self._next(file, size)
        if record is None or record.kind != BAG_HEADER:
            raise InputError(f"{self.name}: expected a bag's header, got {'none' if record is None else record.kind}")
        if record.values.get("encryptor"):
            raise InputError(f"{self.name}: expected a bag that is not encrypted; decrypt it: rosbag decrypt")
        return size, record.number("index_pos")

    def _records(self, file: BinaryIO) -> Iterator[_Record]:
        """Connections and messages, those in chunks too."""
        size, index_at = self._begin(file)
        while record := self._next(file, size):
            if record.kind == CHUNK:
                yield from self._chunk(record)
            elif record.kind in (CONNECTION, MESSAGE):
                yield record
        if not 0 < index_at <= size:
            raise self._cut(size)

    def _chunk(self, chunk: _Record) -> Iterator[_Record]:
        try:
            data = unpacked(chunk.data, chunk.text("compression"), chunk.number("size"))
        except InputError as error:
            raise InputError(f"{self.name}: chunk: {error}") from error
        at = 0
        while at < len(data):
            header_end = at + 4 + int.from_bytes(data[at : at + 4], "little")
            end = header_end + 4 + int.from_bytes(data[header_end : header_end + 4], "little")
            if end > len(data):
                raise InputError(f"{self.name}: chunk: expected whole records, got one beyond its end")
            record = self._record(_values(data, at + 4, header_end), data[header_end + 4 : end])
            if record.kind in (CONNECTION, MESSAGE):
                yield record
            at = end

    def _next(self, file: BinaryIO, size: int) -> _Record | None:
        """The next record, None at the end of the file."""
        head = self._read(file, size, 4, MAX_HEADER_BYTES)
        if head is None:
            return None
        data = self._read(file, size, 4, MAX_MESSAGE_BYTES)
        if data is None:
            raise self._cut(size)
        return self._record(_values(head, 0, len(head)), data)

    def _read(self, file: BinaryIO, size: int, of_length: int, most: int) -> bytes | None:
        """Bytes with their length in front, None at the end of the file."""
        head = file.read(of_length)
        if not head:
            return None
        length = int.from_bytes(head, "little")
        if len(head) < of_length or file.tell() + length > size:
            raise self._cut(size)
        if length > most:
            raise InputError(f"{self.name}: expected at most {most} bytes in a record, got {length}; it is damaged")
        return file.read(length)

    def _record(self, values: dict[str, bytes], data: bytes) -> _Record:
        return _Record(int.from_bytes(values.get("op", b""), "little"), values, data)

    def _cut(self, size: int) -> InputError:
        return InputError(f"{self.name}: expected a bag that was closed, got {size} bytes without their end; it is cut")


def _values(data: bytes, at: int, end: int, most: int = MAX_HEADER_BYTES) -> dict[str, bytes]:
    """The named values of a header."""
    found: dict[str, bytes] = {}
    if end - at > most:
        raise InputError(f"expected headers of at most {most} bytes, got {end - at}; it is damaged")
    while at < end:
        length = int.from_bytes(data[at : at + 4], "little")
        name, is_there, value = data[at + 4 : at + 4 + length].partition(b"=")
        at += 4 + length
        if at > end or not is_there:
            raise InputError("expected names and values in the header of a record, got others; it is damaged")
        found[name.decode("latin-1")] = value
    return found
