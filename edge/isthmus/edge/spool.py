"""Frames that were accepted and not yet told, on disk: they outlive the edge, however it ends.

Theory of operation. An accepted frame is a row of a SQLite table (WAL, `synchronous=FULL`: what is accepted is there
after a power cut): a number that grows, its packet, and a record of what is told of it beside the answer. It leaves
when its answer, or why it has none, is told.

Packets are kept, not what they were made of. They are some ten bytes where a cloud of points is 12 kB and a frame
megabytes, so that a spool holds months rather than minutes, writes little to a card that wears out, and keeps no
picture. A packet of a video that refers to others is of use with them alone: so the packets from the last key packet on
stay until the next one, also when their own answers are told, and a cloud that holds nothing is sent these first
(`isthmus.edge.delivery`). That is exactly as good as encoding the frame anew, and needs no pixels.

What was told is one number, since frames are told in order. It is committed after the rows were printed. Where these
go to a file, the file says itself what was printed last (`isthmus.edge.spool_rows`), so that a row is there once even
if the edge is killed between the two; who reads a pipe may see the last rows again, with numbers that it knows.

A spool is bounded in bytes and age: the oldest frames go, or the newest are not accepted, or whoever brings them waits.
Of a video all go up to the next key packet. What goes is counted.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from isthmus.common.errors import InputError, SpoolError
from isthmus.edge.kept import OLDEST, WAIT, Kept, SpoolBounds

FILE = "frames.sqlite3"
LOCK = "lock"
FORMAT = "1"
BUSY_TIMEOUT_S = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS frames (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    packet BLOB,
    is_key INTEGER NOT NULL,
    record TEXT NOT NULL,
    accepted_s REAL NOT NULL,
    size_bytes INTEGER NOT NULL
);
"""
_NUMBERS = "SELECT coalesce((SELECT number FROM frames WHERE"
_ABOVE = "SELECT number, {} FROM frames WHERE number > ? ORDER BY number"


class Spool:
    """One folder, of one codec, for one edge at a time; may be used by several threads.

    Args:
        folder: is made if need be.
        codec: whose packets these are: its name and identity, and the task.
        bounds: how much is kept.
        inputs: names what is sent, where the same names give the same again; "" where they do not.

    Attributes:
        id: names the spool among others.
        taken_before: inputs of the same name that an earlier edge took, 0 where these are others.

    Raises:
        InputError: no such folder can be, another edge has it, it holds frames of another codec, or is none of ours.
    """

    def __init__(self, folder: Path, codec: str, bounds: SpoolBounds, inputs: str = "") -> None:
        self._folder, self._bounds = folder, bounds
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._held = _lock_file(folder / LOCK)
        except OSError as error:
            raise InputError(
                f"{folder}: expected a folder, or a place to make it: {error.strerror or error}"
            ) from error
        try:
            with self._fault():
                self._open(codec, inputs)
        except BaseException:
            self._held.close()
            raise

    def _open(self, codec: str, inputs: str) -> None:
        self._db = sqlite3.connect(
            self._folder / FILE, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        if (found := self._fact("format", FORMAT)) != FORMAT:
            raise InputError(f"{self._folder}: expected a spool of format {FORMAT}, got one of {found}")
        self.id = self._fact("id", secrets.token_hex(4))
        with self._transaction():
            count = self.count
            if (of := self._fact("codec", codec)) != codec and count:
                raise InputError(
                    f"{self._folder}: expected a spool of {codec}, it holds {count} frames of {of}; send those first, "
                    "or use another folder"
                )
            if not count:  # what is left are packets that were told, which nothing refers to any more
                self._db.execute("DELETE FROM frames")
            self._say("codec", codec)
            same = bool(inputs) and self._fact("inputs", "") == inputs
            self.taken_before = int(self._fact("taken", "0")) if same else 0
            self._say("inputs", inputs)
            self._say("taken", str(self.taken_before))
            self._used_bytes = self._number("SELECT coalesce(sum(size_bytes), 0) FROM frames")

    def close(self) -> None:
        """Leave the folder to others. Nothing is lost that was accepted."""
        with self._lock:
            self._db.close()
            self._held.close()

    @property
    def told_number(self) -> int:
        """The last frame that was told; those above it are not."""
        return int(self._fact("told", "0"))

    @property
    def count(self) -> int:
        """Frames that are not told."""
        return self._number("SELECT count(*) FROM frames WHERE number > ?", self.told_number)

    @property
    def dropped_count(self) -> int:
        """Frames that were not kept, for want of room or for their age, since the spool was made."""
        return int(self._fact("dropped", "0"))

    def accept(self, packet: bytes | None, record: Mapping[str, Any], *, is_key: bool, given: int) -> bool | None:
        """Keep a frame, and note that an input was taken; it is on disk as this returns.

        Args:
            packet: None for a row that needs no answer.
            record: what is told of it.
            is_key: whether the packet refers to no other.
            given: the last frame that is under way, which is not dropped.

        Returns:
            Whether it was kept; None where there is no room, and to wait was asked for: nothing is noted then.

        Raises:
            SpoolError: it cannot be written.
        """
        text = json.dumps(record)
        size = len(text) + len(packet or b"")
        with self._lock, self._fault(), self._transaction():
            first = max(given, self.told_number)
            has_gone = self._drop_old(first)
            over = self._used_bytes + size - self._bounds.max_bytes
            if over > 0 and self._bounds.drop == WAIT:
                return None
            if over > 0 and self._bounds.drop == OLDEST:
                has_gone |= self._drop_oldest(first, over)
            is_kept = self._used_bytes + size <= self._bounds.max_bytes
            if has_gone and packet is not None and not is_key:  # what it refers to may be gone
                is_kept &= bool(self._number("SELECT count(*) FROM frames WHERE number > ?", first))
            if is_kept:
                self._db.execute(
                    "INSERT INTO frames (packet, is_key, record, accepted_s, size_bytes) VALUES (?, ?, ?, ?, ?)",
                    (packet, is_key, text, time.time(), size),
                )
                self._used_bytes += size
            else:
                self._count_dropped(1)
            self._say("taken", str(int(self._fact("taken", "0")) + 1))
            return is_kept

    def after(self, number: int, most: int) -> list[Kept]:
        """Frames above this number, the lowest first; so many at most."""
        with self._lock, self._fault():
            told = self.told_number
            rows = self._db.execute(
                "SELECT number, packet, record FROM frames WHERE number > ? ORDER BY number LIMIT ?", (number, most)
            ).fetchall()
        return [Kept(row[0], row[1], json.loads(row[2]), row[0] <= told) for row in rows]

    def tell(self, number: int) -> None:
        """All frames up to this number are told for good; those that others refer to stay."""
        with self._lock, self._fault(), self._transaction():
            if number <= self.told_number:
                return
            self._say("told", str(number))
            due = self._number(
                f"{_NUMBERS} number > ? AND packet IS NOT NULL ORDER BY number LIMIT 1), ?)", number, number
            )
            key = self._number(f"{_NUMBERS} number <= ? AND is_key ORDER BY number DESC LIMIT 1), 0)", due)
            self._delete("number <= ? AND number < ?", number, key)

    def finish(self) -> None:
        """All inputs were taken and told: the same ones are new the next time."""
        with self._lock, self._fault(), self._transaction():
            self._say("inputs", "")
            self._say("taken", "0")

    def _drop_old(self, first: int) -> bool:
        """Let go what is too old of those above `first`; whether anything was."""
        oldest_s = time.time() - self._bounds.age_s
        last = 0
        for number, accepted_s in self._db.execute(f"{_ABOVE.format('accepted_s')}", (first,)):
            if accepted_s >= oldest_s:
                break
            last = number
        return self._drop_to(first, last)

    def _drop_oldest(self, first: int, bytes_over: int) -> bool:
        """Make room for so many bytes of those above `first`, if they have as many; whether anything was let go."""
        freed = last = 0
        for number, size in self._db.execute(f"{_ABOVE.format('size_bytes')}", (first,)):
            freed, last = freed + size, number
            if freed >= bytes_over:
                return self._drop_to(first, last)
        return False

    def _drop_to(self, first: int, last: int) -> bool:
        """Let go those above `first` up to `last`, and what refers to them; whether there were any."""
        if last <= first:
            return False
        key = self._number(f"{_NUMBERS} number > ? AND is_key ORDER BY number LIMIT 1), ?)", last, 1 << 62)
        self._count_dropped(self._delete("number > ? AND number < ?", first, key))
        return True

    def _delete(self, where: str, *values: int) -> int:
        """How many frames went."""
        gone = self._db.execute(f"DELETE FROM frames WHERE {where} RETURNING size_bytes", values).fetchall()
        self._used_bytes -= sum(size for (size,) in gone)
        return len(gone)

    def _count_dropped(self, count: int) -> None:
        self._say("dropped", str(self.dropped_count + count))

    def _number(self, query: str, *values: float) -> int:
        with self._lock:
            return int(self._db.execute(query, values).fetchone()[0])

    def _fact(self, name: str, otherwise: str) -> str:
        """What is noted under a name; noted as `otherwise` where nothing is."""
        with self._lock:
            found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            if found is None:
                self._say(name, otherwise)
            return otherwise if found is None else str(found[0])

    def _say(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            self._used_bytes = self._number("SELECT coalesce(sum(size_bytes), 0) FROM frames")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _fault(self) -> Iterator[None]:
        """What SQLite says, in our words."""
        try:
            yield
        except sqlite3.Error as error:
            raise SpoolError(
                f"{self._folder}: expected a spool that can be written: {error}; make room, or use another folder; "
                "what was accepted is kept"
            ) from error


def _lock_file(path: Path) -> BinaryIO:
    """The file, locked until it is closed or the process ends. InputError: another edge has it."""
    import fcntl  # not where there is none, as on Windows

    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{path.parent}: expected a spool of this edge alone, another one has it") from None
    return file
