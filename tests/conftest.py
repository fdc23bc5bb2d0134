"""What many tests need: a zoo of tiny codecs, a cloud that serves it, a channel to that cloud."""

from __future__ import annotations

import os

# Before NumPy and torch start their threads: the suite runs in as many processes as there are cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import settings
from support import tiny_codec, tiny_zoo
from support.ctrl_c import CtrlC, heard_here

from isthmus.edge.client import open_channel

# How long one example takes says more of the machine's other work than of the code.
settings.register_profile("isthmus", deadline=None)
settings.load_profile("isthmus")


@pytest.fixture(scope="module")
def zoo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny codecs: those that the module's `pytestmark = pytest.mark.zoo(...)` names, or `tiny-q1` alone.

    Made once a module, and only read by its tests.
    """
    mark = request.node.get_closest_marker("zoo")
    return tiny_zoo.write_zoo(tmp_path_factory.mktemp("zoo"), mark.args if mark else (tiny_zoo.POINTS,))


@pytest.fixture(scope="module")
def address(zoo: Path) -> Iterator[str]:
    """Of a cloud that serves `zoo`, in a thread of this process."""
    with tiny_codec.live_cloud(zoo) as live:
        yield live.address


@pytest.fixture
def channel(address: str) -> Iterator[grpc.Channel]:
    """To that cloud."""
    channel = open_channel(address)
    yield channel
    channel.close()


@pytest.fixture
def ctrl_c() -> Iterator[CtrlC]:
    """Comes where a test says."""
    with heard_here():
        yield CtrlC()
