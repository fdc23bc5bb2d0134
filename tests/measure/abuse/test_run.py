"""Attacks and load in small: on the codecs that ship, for a second, that what is measured is what is said."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from support.paths import ROOT

from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.abuse.attacks import ATTACKS
from isthmus.measure.abuse.guests import Visit
from isthmus.measure.abuse.load import Load, measure_load, write_load
from isthmus.measure.abuse.options import AbuseSettings, LoadSettings
from isthmus.measure.abuse.raw_http2 import header_block, unfinished
from isthmus.measure.abuse.rows import abuse_table, load_table
from isthmus.measure.abuse.run import Beside, measure_abuse, write_abuse
from isthmus.measure.track import no_track

ZOO = ROOT / "models" / "zoo"


def test_each_attack_says_what_it_is() -> None:
    assert [name for name, attack in ATTACKS.items() if not attack.__doc__] == []
    assert len(ATTACKS) >= 16


@pytest.mark.slow
def test_a_victim_beside_two_attacks(tmp_path: Path) -> None:
    settings = AbuseSettings("silent_streams,unfinished_calls", 1.0, 512, ZOO)
    found = measure_abuse(settings, no_track)
    written = read_results(write_abuse(found, settings, "isthmus measure abuse", tmp_path))
    for row in found:
        assert len(row.beside.latencies_ms) > 5
        assert row.beside.failures == 0, row.beside.reason
        assert 30 < row.peak_mb < 512
    assert written.summary["abuse.attacks"] == 2
    assert written.summary["abuse.victim_p95_ratio_max"] == pytest.approx(max(row.ratio for row in found), rel=1e-4)
    assert [cells[0] for cells in abuse_table(found).rows] == ["silent_streams", "unfinished_calls"]


def test_who_is_shut_out_has_no_good_ratio() -> None:
    assert Beside("x", Visit([1.0]), Visit([], 3, "no place"), 100.0).ratio == math.inf
    assert Beside("x", Visit([1.0, 1.0]), Visit([2.0, 2.0]), 100.0).ratio == 2.0


def test_an_attack_that_there_is_not() -> None:
    with pytest.raises(InputError, match=r"attacks: expected some of large_first, .*, got earthquake"):
        measure_abuse(AbuseSettings("flood,earthquake"), no_track)


@pytest.mark.slow
def test_load_in_small(tmp_path: Path) -> None:
    found = measure_load(LoadSettings(24, 4, 1.0, 50, ZOO), no_track)
    assert (len(found.peers), found.streams, found.failures) == (3, 25, 0)
    assert all(peer.latencies_ms and not peer.failures for peer in found.peers)
    written = read_results(write_load(found, "isthmus measure load", tmp_path))
    assert written.summary["load.streams_in_turn"] == 50
    assert written.summary["load.fairness_ratio"] >= 1
    assert len(load_table(found).rows) == 8


def test_fairness_is_over_peers(tmp_path: Path) -> None:
    """One peer of twenty that waits long is in their 95th percentile, and its own frames do not outweigh others'."""
    peers = (*(Visit([1.0, 1.0, 50.0]) for _ in range(18)), Visit([9.0] * 1000), Visit([9.0] * 1000))
    written = read_results(write_load(Load(peers, 1000, 1, 0, 0.0, 0, 1.0), "isthmus measure load", tmp_path))
    assert written.summary["load.fairness_ratio"] == pytest.approx(9.0)


def test_a_header_block_as_hpack_has_it() -> None:
    """RFC 7541, C.2.2, is a literal without indexing whose name is in the table; ours has its name as a literal."""
    assert header_block(((":path", "/sample/path"),)) == b"\x00\x05:path\x0c/sample/path"


def test_an_unfinished_message_is_sent_as_windows_open() -> None:
    """To a server that opens them once: what goes is what it let go, and then the call is held for its time."""

    async def main() -> int:
        came = bytearray()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for stream in (0, 1):
                writer.write(b"\0\0\4\x08\0" + stream.to_bytes(4) + (10_000).to_bytes(4))
            while data := await reader.read(65_536):
                came.extend(data)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await unfinished(f"127.0.0.1:{port}", "/a/B", "token", 16 << 20, 6 << 20, 0.5)
            await asyncio.sleep(0.1)
        return len(came)

    assert 75_535 < asyncio.run(main()) < 77_000  # the window that was opened, headers, and heads of frames
