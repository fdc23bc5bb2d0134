"""MCAP, in which ROS 2 records by default and Foxglove always.

Source: https://mcap.dev/spec. A file is records, each with its kind and length in front: schemas name the types,
channels the topics, chunks hold messages, packed or not; behind the end of the data a summary repeats what is where.

Why not the package `mcap`: it believes what a chunk and its Zstandard frame say of their size, has no bound on LZ4, and
hands out the message at which a file is cut as if it were whole. Here one record is in memory at a time, none larger
than `MAX_MESSAGE_BYTES`, and messages come in the order in which they were written. The summary is believed in what
topics there are, so that a listing need not read gigabytes, and in nothing else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError
from isthmus.data.bag.unpacking import unpacked
from isthmus.data.bag.values import (
    MAX_MESSAGE_BYTES,
    MAX_TOPICS,
    Contents,
    Recorded,
    Topic,
    plain_type,
    read_through,
    summed,
)

MAGIC = b"\x89MCAP0\r\n"
HEAD_BYTES = 9
"""Of a record: its kind, and its length."""
FOOTER_BYTES = HEAD_BYTES + 20 + len(MAGIC)
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, STATISTICS, DATA_END = 0x02, 0x03, 0x04, 0x05, 0x06, 0x0B, 0x0F
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
MAX_NAME_BYTES = 1 << 16


@dataclass(slots=True)
class _Known:
    """Schemas and channels so far."""

    schemas: dict[int, str] = field(default_factory=dict)
    channels: dict[int, tuple[str, str, str]] = field(default_factory=dict)  # topic, type, encoding
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, kind: int, body: bytes) -> None:
        """A record; those of other kinds are passed over."""
        words = _Words(body)
        if kind == SCHEMA:
            number = words.number(2)
            self.schemas[number] = plain_type(words.text())
        elif kind == CHANNEL:
            number, schema = words.number(2), words.number(2)
            self.channels[number] = words.text(), self.schemas.get(schema, ""), words.text()
        elif kind == MESSAGE and len(body) >= 2:
            number = words.number(2)
            self.counts[number] = self.counts.get(number, 0) + 1
        elif kind == STATISTICS:
            words.skip(42)
            ends = words.number(4) // 10
            self.counts = {words.number(2): words.number(8) for _ in range(min(ends, MAX_TOPICS))}

    def topics(self) -> list[Topic]:
        """Of the channels, each with its count."""
        return [Topic(name, kind, self.counts.get(n, 0)) for n, (name, kind, _) in self.channels.items()]


class McapBag:
    """One MCAP file; see `isthmus.data.bag.values.Bag`."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def contents(self) -> Contents:
        """Its topics, from its summary; where it has none, or is cut, from all that is there."""
        with self._path.open("rb") as file:
            try:
                return summed(self.name, self._summary(file).topics())
            except InputError:
                pass  # no summary, or a damaged one: the data say it themselves
            known = _Known()
            return read_through(self.name, self._records(file), lambda record: known.add(*record), known.topics)

    def messages(self, topic: Topic) -> Iterator[Recorded]:
        """The messages of a topic, in the order of the file."""
        known = _Known()
        with self._path.open("rb") as file:
            for kind, body in self._records(file):
                if kind != MESSAGE:
                    known.add(kind, body)
                    continue
                if len(body) < MESSAGE_HEAD.size:
                    raise InputError(f"{self.name}: expected a message of {MESSAGE_HEAD.size} bytes, got {len(body)}")
                number, _, log_time_ns, _ = MESSAGE_HEAD.unpack_from(body)
                name, type_name, encoding = known.channels.get(number, ("", "", ""))
                if (name, type_name) == (topic.name, topic.type):
                    yield Recorded(log_time_ns, encoding, body[MESSAGE_HEAD.size :])

    def _records(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Schemas, channels and messages up to the end of the data, those in chunks too."""
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{self.name}: expected an MCAP file, which begins with {MAGIC!r}, got another beginning")
        at = len(MAGIC)
        while True:
            head = file.read(HEAD_BYTES)
            if len(head) < HEAD_BYTES:
                raise self._cut(size)
            kind, length = head[0], int.from_bytes(head[1:], "little")
            if kind in (DATA_END, FOOTER):
                return
            at += HEAD_BYTES + length
            if kind in (SCHEMA, CHANNEL, MESSAGE, CHUNK):
                if length > MAX_MESSAGE_BYTES:
                    raise InputError(
                        f"{self.name}: expected records of at most {MAX_MESSAGE_BYTES} bytes, got one of {length}; it "
                        "is damaged, or was written in enormous chunks"
                    )
                if at > size:
                    raise self._cut(size)
                body = file.read(length)
                if kind == CHUNK:
                    yield from self._chunk(body)
                else:
                    yield kind, body
            elif at > size:
                raise self._cut(size)
            else:
                file.seek(at)

    def _cut(self, size: int) -> InputError:
        return InputError(f"{self.name}: expected an end of the recording, got {size} bytes without one; it is cut")

    def _chunk(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        """The records in a chunk, once all of it is seen to be sound."""
        words = _Words(body)
        words.skip(16)  # from when to when
        size, check, compression = words.number(8), words.number(4), words.text()
        try:
            data = unpacked(words.bytes_of(words.number(8)), compression, size)
        except InputError as error:
            raise InputError(f"{self.name}: chunk: {error}") from error
        if check and zlib.crc32(data) != check:
            raise InputError(f"{self.name}: chunk: expected a checksum of {check:08x}, got {zlib.crc32(data):08x}")
        at = 0
        while at < len(data):
            if at + HEAD_BYTES > len(data):
                raise InputError(f"{self.name}: chunk: expected whole records, got an end in the middle of one")
            kind, end = data[at], at + HEAD_BYTES + int.from_bytes(data[at + 1 : at + HEAD_BYTES], "little")
            if end > len(data):
                raise InputError(f"{self.name}: chunk: expected whole records, got one beyond its end")
            if kind in (SCHEMA, CHANNEL, MESSAGE):
                yield kind, data[at + HEAD_BYTES : end]
            at = end

    def _summary(self, file: BinaryIO) -> _Known:
        """What the summary knows. InputError where there is none that can be believed."""
        size = file.seek(0, 2)
        file.seek(max(0, size - FOOTER_BYTES))
        footer = file.read()
        start = int.from_bytes(footer[HEAD_BYTES : HEAD_BYTES + 8], "little")
        length = size - FOOTER_BYTES - start
        if (
            footer[:1] != bytes([FOOTER])
            or not footer.endswith(MAGIC)
            or not start
            or not 0 < length <= MAX_MESSAGE_BYTES
        ):
            raise InputError(f"{self.name}: expected a summary")
        file.seek(start)
        known, words, has_counts = _Known(), _Words(file.read(length)), False
        while words.left:
            kind = words.number(1)
            known.add(kind, words.bytes_of(words.number(8)))
            has_counts |= kind == STATISTICS
        if not known.channels or not has_counts:
            raise InputError(f"{self.name}: expected a summary with channels and counts")
        return known


class _Words:
    """Numbers and texts one behind another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def number(self, count: int) -> int:
        return int.from_bytes(self.bytes_of(count), "little")

    def text(self) -> str:
        length = self.number(4)
        if length > MAX_NAME_BYTES:  # names are remembered
            raise InputError(f"expected names of at most {MAX_NAME_BYTES} bytes, got one of {length}; it is damaged")
        return self.bytes_of(length).decode("utf-8", "replace")

    def bytes_of(self, count: int) -> bytes:
        self.skip(count)
        return self._data[self._at - count : self._at]

    def skip(self, count: int) -> None:
        if count > self.left:
            raise InputError(f"expected {count} bytes of a record, got {self.left}; it is damaged")
        self._at += count
