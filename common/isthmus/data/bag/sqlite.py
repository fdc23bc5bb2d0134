"""Bags of ROS 2 in SQLite (`.db3`), as it recorded by default until 2023; read with Python's own `sqlite3`.

A database is a program of a kind: what is taken for a table may be a view that never ends, and its columns may hold
anything. So tables must be tables, types are looked at, and no value may be larger than `MAX_MESSAGE_BYTES`. Messages
come in the order in which they were written, one in memory at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from isthmus.common.errors import InputError
from isthmus.data.bag.fields import CDR
from isthmus.data.bag.values import MAX_MESSAGE_BYTES, MAX_TOPICS, Contents, Recorded, Topic, plain_type, summed

FAULTS = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""What comes of damaged databases; the second of messages on them that hold their bytes."""
HEAD_BYTES = 100
TABLES = {"topics": {"id", "name", "type", "serialization_format"}, "messages": {"topic_id", "timestamp", "data"}}


class SqliteBag:
    """One `.db3` file; see `isthmus.data.bag.values.Bag`."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def contents(self) -> Contents:
        """Its topics."""
        with closing(self._opened()) as database:
            counts: dict[int, int | None] = {}
            fault = self._cut_fault()
            try:
                counts = dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
            except FAULTS as error:
                fault = self._fault(error)
            rows = self._topics(database)
            topics = [Topic(t.name, t.type, counts.get(n, 0) if counts or fault is None else None) for n, t, _ in rows]
            return summed(self.name, topics, fault)

    def messages(self, topic: Topic) -> Iterator[Recorded]:
        """The messages of a topic, in the order of the file."""
        with closing(self._opened()) as database:
            encodings = {
                n: form for n, t, form in self._topics(database) if (t.name, t.type) == (topic.name, topic.type)
            }
            marks = ",".join("?" * len(encodings))
            query = f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({marks}) ORDER BY rowid"
            try:
                for number, log_time_ns, data in database.execute(query, tuple(encodings)):
                    if not isinstance(log_time_ns, int) or not isinstance(data, bytes):
                        raise InputError(f"{self.name}: expected a time and bytes in each message, got other values")
                    yield Recorded(log_time_ns, encodings[number], data)
            except FAULTS as error:
                raise self._fault(error) from error
        if (fault := self._cut_fault()) is not None:
            raise fault

    def _opened(self) -> sqlite3.Connection:
        # A recorder that was killed leaves messages in a log beside the file; without one, nothing is written, not even
        # a lock.
        log = self._path.with_name(self._path.name + "-wal")
        is_alone = not log.exists() or log.stat().st_size == 0
        try:
            address = f"file:{quote(str(self._path.absolute()))}?mode=ro{'&immutable=1' * is_alone}"
            database = sqlite3.connect(address, uri=True, check_same_thread=False)
        except FAULTS as error:
            raise self._fault(error) from error
        if self._cut_fault() is not None:  # SQLite would give nothing of it otherwise
            database.execute("PRAGMA writable_schema=ON")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_MESSAGE_BYTES)
        try:
            for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON"):
                database.execute(f"PRAGMA {pragma}")
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchmany(MAX_TOPICS)
            if missing := set(TABLES) - {name for (name,) in found}:
                raise InputError(
                    f"{self.name}: expected a bag of ROS 2, with tables {' and '.join(TABLES)}, got none of "
                    f"{' and '.join(sorted(missing))}"
                )
            for table, wanted in TABLES.items():
                columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                if not wanted <= columns:
                    raise InputError(f"{self.name}: expected columns {', '.join(sorted(wanted))} in table {table}")
        except FAULTS as error:
            database.close()
            raise self._fault(error) from error
        except InputError:
            database.close()
            raise
        return database

    def _topics(self, database: sqlite3.Connection) -> list[tuple[int, Topic, str]]:
        """(number, topic, encoding) of each."""
        try:
            rows = database.execute("SELECT id, name, type, serialization_format FROM topics").fetchmany(MAX_TOPICS + 1)
        except FAULTS as error:
            raise self._fault(error) from error
        if any([*map(type, row)] != [int, str, str, str] for row in rows):
            raise InputError(f"{self.name}: expected a number and three texts of each topic, got other values")
        return [(number, Topic(name, plain_type(kind)), form or CDR) for number, name, kind, form in rows]

    def _cut_fault(self) -> InputError | None:
        """Why there is less than there should be, as the file's own header has it; None where it is whole."""
        with self._path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, 2)
        page_bytes = int.from_bytes(head[16:18], "big") or 0
        wanted = (65_536 if page_bytes == 1 else page_bytes) * int.from_bytes(head[28:32], "big")
        return (
            self._fault(f"{wanted} bytes, as it says, got {size}") if head[:6] == b"SQLite" and size < wanted else None
        )

    def _fault(self, error: Exception | str) -> InputError:
        return InputError(f"{self.name}: expected a bag of ROS 2 (SQLite) that is whole: {error}; it is cut or damaged")
