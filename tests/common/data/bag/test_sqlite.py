"""Databases that are no bags of ROS 2, and bags whose recorder was killed."""

from __future__ import annotations

import shutil
import sqlite3
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
