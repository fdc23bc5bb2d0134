"""Databases that are no bags of ROS 2, and bags whose recorder was killed."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from support import bag_files

from isthmus.common.errors import InputError
from isthmus.data.bag.files import open_bag
from isthmus.data.bag.values import Topic

TOPIC = Topic("/lidar", "sensor_msgs/PointCloud2")
TOPICS = "CREATE TABLE topics(id INTEGER PRIMARY KEY, name, type, serialization_format)"
MESSAGES = "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp, data)"
INSERT = "INSERT INTO topics VALUES (1, '/lidar', 'sensor_msgs/msg/PointCloud2', 'cdr')"


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ((), "expected a bag of ROS 2, with tables topics and messages"),
        ((TOPICS,), "got none of messages"),
        (
            (
                TOPICS,
                INSERT,
                "CREATE VIEW messages AS WITH RECURSIVE n(timestamp) AS (SELECT 1 UNION ALL SELECT 1 FROM n) "
                "SELECT 1 AS topic_id, timestamp, x'00' AS data FROM n",
            ),
            "got none of messages",
        ),
        (
            (TOPICS, "CREATE TABLE messages(topic_id, data)"),
            "expected columns data, timestamp, topic_id in table messages",
        ),
        ((TOPICS, MESSAGES, "INSERT INTO topics VALUES (1, 2, 3, 4)"), "a number and three texts of each topic"),
        ((TOPICS, MESSAGES, INSERT, "INSERT INTO messages VALUES (1, 1, 'noon', x'00')"), "a time and bytes"),
        ((TOPICS, MESSAGES, INSERT, "INSERT INTO messages VALUES (1, 1, 5, NULL)"), "a time and bytes"),
        ((TOPICS, MESSAGES, INSERT, "INSERT INTO messages VALUES (1, 1, 5, zeroblob(300000000))"), "too big"),
    ],
)
def test_other_databases(tmp_path: Path, statements: tuple[str, ...], says: str) -> None:
    path = tmp_path / "other.db3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version=1")
        for statement in statements:
            database.execute(statement)
        database.commit()
    with pytest.raises(InputError, match=says):
        list(open_bag(path).messages(TOPIC))


def test_no_database(tmp_path: Path) -> None:
    path = tmp_path / "text.db3"
    path.write_text("this is a text and no database at all\n" * 100)
    with pytest.raises(InputError, match="file is not a database"):
        open_bag(path).contents()


def test_messages_in_the_log_of_a_recorder_that_was_killed(tmp_path: Path) -> None:
    """Beside the file lies a log with what was not moved into it yet; nothing is lost, and nothing is written."""
    path = bag_files.small_database(tmp_path / "run.db3", [bag_files.cloud(np.eye(3))])
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("INSERT INTO messages(topic_id, timestamp, data) SELECT 1, 7, data FROM messages")
        database.commit()
        killed = tmp_path / "killed"
        killed.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", killed / f"run.db3{suffix}")
    before = path.read_bytes()
    assert [m.log_time_ns for m in open_bag(killed / "run.db3").messages(TOPIC)] == [bag_files.START_NS, 7]
    assert path.read_bytes() == before


# Found by turning bytes at random: SQLite runs out of memory, as it thinks.
ASKS_FOR_TOO_MUCH = (
    "c-rk$L5tHs6n>Mm>8|cVVUg0q!rZh_%&Hd^#HJxg+1jq%UiMU`$!r{HnwW{;u9vOg*`ppj_zM*Ofq3^QcoKhte?aS-W}@ANMZ742"
    "k9=>EH{YB0@@C%b-sy^r)BQM&SVpga0faz{QUEYD3Na9+rEdbi785S|WL-IvCXnZ-{$aUiRBD@>WOhDd;|Y(rlq}@37)^KJIYW;Q"
    "op#rwh4q36Xs0*yZg~T`Gw9rQ277ed+iTJ+PJ}-a0lo<&XDmvZG+-H{?QXx_*e8`*y<WsxkY%ooV{vlZsZpjZ;uzr|K`nVI*hCz%"
    "OvKYszT*wGHzvt|d?2rJ_%DAzu9;=Hw7p^bxH&1a{WwZeJT5$td@AE~6v<H9sBHJgOeey_<Ok_oOYVA-U$7da40U(Io``^@CrLZ8"
    "m}c%Ieh^$n>iVLot3Z1272ZL0W|u5jwI26s&t81%hsinB=JPMR{LS4@*DWM3*3{i!(l>;<86N7NtLQmpJJ6hE+aY3Q$);otv84fU"
    "bQ4tzAH)&jCE_jOGXfldDuN=m5G`j>O=68rm2l_&(_;y%AbF_(%Bq7C9)eDK{&C(nEOec%8Oqmv^y*Y!Lnp7+NW<|}wT7h=2V$6|"
    "vQ=4GJ#%(ulb_YQ@#OtqsNQc@@H>Ap&@2"
)


def test_sizes_that_ask_for_too_much(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db3"
    path.write_bytes(zlib.decompress(base64.b85decode(ASKS_FOR_TOO_MUCH)))
    with pytest.raises(InputError, match="a size asks for too much; it is cut or damaged"):
        open_bag(path).contents()
