"""Exactly one result for every frame, whatever breaks: real clouds, real connections, and a way between that is bad."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny_codec, tiny_video_codec
from support.tiny_clips import panning

from isthmus.common.errors import IsthmusError
from isthmus.common.signals import Image
from isthmus.data.video.source import SourceFrame
from isthmus.edge.client import CloudClient
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.edge.report import Row, Summary
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Sender
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.drill.faulty_proxy import faulty_proxy

FRAMES = 120
CODEC = tiny_video_codec.NAME

pytestmark = pytest.mark.zoo(CODEC, "tiny-q1")


@dataclass
class Kept:
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row.fields)

    def finish(self, summary: Summary) -> None: ...


@dataclass
class Told:
    """Keeps what came of one frame."""

    number: int
    coded: Any
    frame: Any = None

    def answered(self, result: FrameResult[Any]) -> Sequence[Row]:
        state = getattr(self.coded.detail, "state", None)
        return [Row((), {"number": self.number, "value": result.outcome, "state": state})]

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        return [Row((), {"number": self.number, "value": f"{why}: {error}"})]


def clouds_sent(client: CloudClient[Any], encoder: PointCloudEncoder, pause_s: float = 0.002) -> tuple[Kept, Sender]:
    """What came of FRAMES clouds."""
    kept = Kept()
    sender = Sender(client, kept)
    for number, cloud in enumerate(tiny_codec.clouds(FRAMES)):
        coded = encoder.encode(cloud)
        sender.send(coded.packet, Told(number, coded))
        sender.take_ready()
        time.sleep(pause_s)
    sender.drain()
    return kept, sender


def check_clouds(kept: Kept, encoder: PointCloudEncoder) -> None:
    """One answer each, in order, and the right one."""
    assert [row["number"] for row in kept.rows] == list(range(FRAMES))
    for row, cloud in zip(kept.rows, tiny_codec.clouds(FRAMES), strict=True):
        best = int((encoder.encode(cloud).detail.values[0] @ tiny_codec.WEIGHTS).argmax())
        assert row["value"].top().class_index == best, row


@pytest.mark.parametrize("fault", ["cut", "truncate", "flip", "stall", "delay"])
def test_clouds_over_a_bad_way(address: str, zoo: Path, fault: str) -> None:
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    with (
        faulty_proxy(address, (fault,), 4) as proxy,
        CloudClient(proxy.address, encoder.manifest, wants_crc32=True, result_timeout_s=1.0) as client,
    ):
        kept, sender = clouds_sent(client, encoder)
    check_clouds(kept, encoder)
    assert proxy.broken
    assert fault == "delay" or sender.counts.reconnects


def test_frames_of_a_video_over_a_bad_way(address: str, zoo: Path) -> None:
    """The cloud holds what predicted frames refer to: nothing is encoded anew, and every state is the encoder's."""
    encoder = VideoEncoder(zoo / CODEC, VideoPolicy(key_interval=255))
    kept, states, lost = Kept(), [], []
    with (
        faulty_proxy(address, ("cut", "truncate"), 6) as proxy,
        CloudClient(proxy.address, encoder.manifest, wants_crc32=True, result_timeout_s=5.0) as client,
    ):
        sender = Sender(client, kept, recode=lambda told: told.coded.packet, on_lost=lambda: lost.append(1))
        for number, pixels in enumerate(panning(60, step=1.0)):
            coded = encoder.encode(SourceFrame(Image(pixels), number, number / 25))
            states.append(coded.detail.state)
            sender.send(coded.packet, Told(number, coded))
            sender.take_ready()
            time.sleep(0.005)
        sender.drain()
    assert [row["number"] for row in kept.rows] == list(range(60))
    assert not lost
    assert sender.counts.reconnects
    weights = tiny_video_codec._constants()["weights"]
    for row, state in zip(kept.rows, states, strict=True):
        y_hat = state.y_hat
        pooled = np.concatenate([y_hat.mean((1, 2)), (y_hat * y_hat).mean((1, 2))])
        assert row["value"].top().class_index == int((pooled @ weights).argmax())


def start_cloud(zoo: Path) -> tuple[subprocess.Popen[str], str]:
    """`isthmus cloud`, ready, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "isthmus.command", "cloud", "--port", "0", "--zoo", str(zoo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=tiny_codec.child_environment(),
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()[4].rstrip(",")


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_a_cloud_that_ends_while_it_is_used(zoo: Path, address: str, how: str) -> None:
    """What it had answered is taken, and another cloud answers the rest."""
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    with ExitStack() as stack:
        process, first = start_cloud(zoo)
        stack.callback(process.communicate)
        stack.callback(process.kill)
        client = stack.enter_context(CloudClient(f"{first},{address}", encoder.manifest, result_timeout_s=5.0))
        kept = Kept()
        sender = Sender(client, kept)
        for number, cloud in enumerate(tiny_codec.clouds(FRAMES)):
            coded = encoder.encode(cloud)
            sender.send(coded.packet, Told(number, coded))
            if number == FRAMES // 2:
                getattr(process, how)()
            time.sleep(0.002)
        sender.drain()
    check_clouds(kept, encoder)
    assert sender.counts.reconnects
