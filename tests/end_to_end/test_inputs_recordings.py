"""Recordings of lidars: each scan comes out as the points that its packets say, or is refused.

Packets are written byte by byte as the manuals have them, and points worked out here; dpkt, and the decoder's own
reader of pcap, are second opinions on what holds them.
"""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import forked
from support import pcap_files as made
from support.damage import damaged
from support.pcap_files import DUAL, LAST, PACKET_NS, START_NS, Turning, ethernet, pcap, pcapng

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data import apart
from isthmus.data.apart import Apart
from isthmus.data.capture import points as reader
from isthmus.data.capture.points import calibrated, opened_scans, scan_points
from isthmus.data.capture.scans import MAX_SCAN_PACKETS, Scan, scans
from isthmus.data.pointcloud.files import read_point_cloud

Array = npt.NDArray[Any]

pytestmark = pytest.mark.skipif(
    not find_spec("velodyne_decoder"), reason="velodyne-decoder is missing: pip install 'isthmus[velodyne]'"
)

ROUNDED_M = 0.0022
"""The decoder has azimuths in hundredths of a degree: so much at 11 metres."""


DECODE = Apart(reader.decode, "packets")


@pytest.fixture(scope="module", autouse=True)
def _one_process() -> Iterator[None]:
    """To start one for each test would take longer than all of them."""
    with DECODE:
        yield


def read(data: bytes) -> list[tuple[Scan, Array]]:
    """All scans, and their points, NaN where there was no return."""
    return [(scan, scan_points(scan)) for scan in scans(io.BytesIO(data), DECODE, calibrated)]


def returned(points: Array) -> Array:
    found: Array = points[np.isfinite(points).all(1)]
    return found


def check(data: bytes, lidar: Turning, packets: list[int], order: str = "") -> list[Scan]:
    """Scans of so many packets each, whose points are those of the manual."""
    found = read(data)
    assert [len(scan.packets) for scan, _ in found] == packets, order
    first = 0
    for (scan, points), count in zip(found, packets, strict=True):
        assert scan.packets == tuple(lidar.data(k) for k in range(first, first + count))
        np.testing.assert_allclose(returned(points), lidar.points(range(first, first + count)), rtol=0, atol=ROUNDED_M)
        first += count
    return [scan for scan, _ in found]


WHOLE = Turning(80)
FRAMES = WHOLE.frames()


def others() -> Iterator[tuple[int, bytes]]:
    """The same among all that a network carries beside it."""
    for time_ns, frame in FRAMES:
        yield time_ns, ethernet(made.ipv4(b"x" * 40, 6))
        yield time_ns, ethernet(bytes(28), 0x0806)
        yield time_ns, ethernet(made.datagram(bytes(512), port=8308, to_port=8308))  # its position
        yield time_ns, ethernet(made.ipv4(WHOLE.data(3), 17, fragment=0x2000))
        yield time_ns, frame


def bare(wrap: Callable[[bytes], bytes]) -> list[tuple[int, bytes]]:
    return [(time_ns, wrap(frame[14:])) for time_ns, frame in FRAMES]


WAYS: dict[str, bytes] = {
    "pcap, microseconds": pcap(FRAMES),
    "pcap, nanoseconds": pcap(FRAMES, ns=True),
    "pcap, big-endian": pcap(FRAMES, order=">"),
    "pcap, big-endian nanoseconds": pcap(FRAMES, order=">", ns=True),
    "pcap of a frame check": pcap(FRAMES, link=1 | 0x2400_0000),
    "pcap of VLANs": pcap([(t, ethernet(frame[14:], vlans=(0x88A8, 0x8100))) for t, frame in FRAMES]),
    "pcap of IPv6": pcap([(t, ethernet(made.ipv6(WHOLE.data(k)), 0x86DD)) for k, (t, _) in enumerate(FRAMES)]),
    "pcap of any interface": pcap(bare(lambda ip: bytes(14) + b"\x08\x00" + ip), link=113),
    "pcap of any interface, today's": pcap(bare(lambda ip: b"\x08\x00" + bytes(18) + ip), link=276),
    "pcap of loopback": pcap(bare(lambda ip: b"\x02\0\0\0" + ip), link=0),
    "pcap of bare IP": pcap(bare(lambda ip: ip), link=101),
    "pcap among other packets": pcap(others()),
    "pcap of padded frames": pcap([(t, frame + bytes(9)) for t, frame in FRAMES]),
    "pcapng": pcapng(FRAMES),
    "pcapng, big-endian": pcapng(FRAMES, order=">"),
    "pcapng of two sections": pcapng(FRAMES[:30]) + pcapng(FRAMES[30:], order=">"),
    "pcapng of nanoseconds and a second interface": made.section()
    + made.interface(link=101)
    + made.interface(options=struct.pack("<HHB3xHHqHH", 9, 1, 9, 14, 8, 5, 0, 0))
    + made.block(0x0BAD, b"nobody's")
    + b"".join(made.enhanced(t - 5 * 10**9, frame, number=1) for t, frame in FRAMES),
    "pcapng of halves of seconds": made.section()
    + made.interface(options=struct.pack("<HHB3x", 9, 1, 0x80 | 30))
    + b"".join(made.enhanced(-(-(t << 30) // 10**9), frame) for t, frame in FRAMES),
    "pcapng of old blocks": made.section()
    + made.interface()
    + b"".join(
        made.block(2, struct.pack("<HHIIII", 0, 0, t // 1000 >> 32, t // 1000 & 0xFFFFFFFF, len(f), len(f)) + f)
        for t, f in FRAMES
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_record(name: str) -> None:
    """Every one gives the same scans at the same times."""
    first, second = check(WAYS[name], WHOLE, [75, 5])
    for scan, last in ((first, 74), (second, 79)):
        unit_ns = 1 if "nanoseconds" in name or "halves" in name else 1000
        assert scan.log_time_ns == WHOLE.time_ns(last) // unit_ns * unit_ns
        assert scan.stamp_ns == WHOLE.time_ns(last) // 1000 * 1000
    assert (first.model, first.index, second.index) == ("VLP-16", 0, 1)
    assert (first.notes, second.notes) == ((), ("24 of the 360 degrees of a turn",))


def test_pcapng_without_times() -> None:
    """Simple blocks have none; a turn is told by its angles."""
    blocks = (made.block(3, struct.pack("<I", len(frame)) + frame) for _, frame in FRAMES)
    first, second = check(made.section() + made.interface(kept=2000) + b"".join(blocks), WHOLE, [75, 5])
    assert (first.log_time_ns, second.log_time_ns) == (0, 0)


@pytest.mark.parametrize("name", ["pcap", "pcapng"])
def test_pcap_by_dpkt(name: str) -> None:
    """A second opinion on both files."""
    import dpkt

    written = io.BytesIO()
    writer = dpkt.pcap.Writer(written, nano=True) if name == "pcap" else dpkt.pcapng.Writer(written)
    for time_ns, frame in FRAMES:
        writer.writepkt(frame, time_ns / 1e9)
    check(written.getvalue(), WHOLE, [75, 5])
    found = (
        dpkt.pcapng.Reader(io.BytesIO(pcapng(FRAMES)))
        if name == "pcapng"
        else dpkt.pcap.Reader(io.BytesIO(WAYS["pcap, big-endian"]))
    )
    assert [bytes(frame) for _, frame in found] == [frame for _, frame in FRAMES]


LIDARS: dict[str, tuple[Turning, list[int]]] = {
    "several turns": (Turning(240, azimuth=12_345), [75, 75, 75, 15]),
    "the last return": (Turning(10, mode=LAST), [10]),
    "two returns": (Turning(170, azimuth=35_900, mode=DUAL), [150, 20]),
    "two returns, one of them none": (
        Turning(20, mode=DUAL, distance=lambda b, j, w: 0 if (b + j) % 3 == w else made.even(b, j, w)),
        [20],
    ),
    "two returns at one place": (
        Turning(20, mode=DUAL, distance=lambda b, j, w: made.even(b, j, 0 if j % 2 else w)),
        [20],
    ),
    "beams without a return": (
        Turning(20, distance=lambda b, j, w: 0 if (b + j) % 5 == 0 else made.even(b, j, w)),
        [20],
    ),
    "one packet": (Turning(1), [1]),
}


@pytest.mark.parametrize("name", LIDARS)
def test_scans_of_pcap(name: str) -> None:
    lidar, packets = LIDARS[name]
    check(pcap(lidar.frames()), lidar, packets)


def test_pcap_without_a_return_is_counted() -> None:
    """A beam is one, be it of one return or of two."""
    gaps = LIDARS["beams without a return"][0]
    ((scan, points),) = read(pcap(gaps.frames()))
    lost = sum((b + j) % 5 == 0 for b in range(240) for j in range(32))
    assert scan.beams == len(points) == 240 * 32
    assert int(np.isnan(points).any(1).sum()) == lost
    ((scan, points),) = read(pcap(replace(gaps, mode=DUAL).frames()))
    assert scan.beams == 120 * 32
    assert int(np.isnan(points).any(1).sum()) == sum((b + j) % 5 == 0 for b in range(120) for j in range(32))


def test_pcap_of_nothing_but_lost_beams(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(Turning(2, distance=lambda *_: 0).frames()))
    with pytest.raises(InputError, match="expected points, got 768 without a finite place"):
        read_point_cloud(path)


def test_pcap_of_distances_within_the_sensor() -> None:
    """2 mm are none that anything has; the largest number of 2 mm is 131.07 m."""
    near = Turning(1, distance=lambda _, j, __: (1, 49, 50, 65_535)[j % 4])
    ((_, points),) = read(pcap(near.frames()))
    assert int(np.isnan(points).any(1).sum()) == 192
    distances = np.unique(np.round(np.linalg.norm(returned(points), axis=1), 1))
    np.testing.assert_allclose(distances, [0.1, 131.1], atol=0.06)


MODELS: dict[str, tuple[int, float, dict[int, tuple[float, float]], int]] = {
    # Metres a unit, and degrees up and to the right of lasers, of the manuals.
    "HDL-32E": (made.HDL32E, 0.002, {0: (-30.67, 0), 15: (0.0, 0)}, 12),
    "VLP-16": (made.VLP16, 0.002, {0: (-15, 0), 15: (15, 0)}, 12),
    "Puck Hi-Res": (made.HIRES, 0.002, {0: (-10, 0), 15: (10, 0)}, 12),
    "VLP-32C": (made.VLP32C, 0.004, {0: (-25, 1.4), 29: (15, -1.4)}, 12),
    "Alpha Prime": (made.ALPHA, 0.004, {0: (-11.742, 6.354), 36: (-25, -0.911), 59: (15, 0.911)}, 3),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", [made.STRONGEST, DUAL])
def test_models_of_pcap(name: str, mode: int) -> None:
    """A wall all around at 10 m, seen by each model: beams go where its manual says, and as far."""
    model, unit_m, lasers, columns = MODELS[name]
    banks: tuple[int, ...] = (0xEEFF,)
    azimuths = [0] * 12
    if model == made.ALPHA:
        banks = (0xEEFF, 0xDDFF, 0xCCFF, 0xBBFF)
        banks = tuple(bank for bank in banks for _ in range(2)) + (0,) * 4 if mode == DUAL else banks
        columns = 1 if mode == DUAL else 3
    elif mode == DUAL:
        columns = 6
    packet = made.data_packet(azimuths, lambda *_: round(10 / unit_m), mode=mode, model=model, banks=banks)
    ((scan, points),) = read(pcap([(START_NS, ethernet(made.datagram(packet)))]))
    beams = 128 if model == made.ALPHA else 32
    assert (scan.model, scan.beams) == (name, beams * columns)
    assert points.shape == (beams * columns, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 10, atol=0.03)
    for laser, (up, right) in lasers.items():
        x, y, z = points[laser]
        assert np.degrees(np.arctan2(z, np.hypot(x, y))) == pytest.approx(up, abs=0.2)
        assert np.degrees(np.arctan2(-y, x)) == pytest.approx(right, abs=0.02)


@pytest.mark.parametrize("first_status", [0, 2_777])
def test_pcap_of_an_hdl_64e(first_status: int) -> None:
    """Its calibration comes bit by bit, wherever a recording begins, and is that of its first scan already."""
    found = read(pcap(made.hdl64e_frames(4_300, first_status=first_status)))
    assert [(scan.model, len(scan.packets)) for scan, _ in found] == [("HDL-64E", 334)] * 12 + [("HDL-64E", 292)]
    scan, points = found[0]
    assert scan.beams == len(points) == 334 * 384
    for firing in (0, 1_000, 2_003):
        rows = points.reshape(-1, 64, 3)[firing]
        np.testing.assert_allclose(rows, made.hdl64e_points(firing), rtol=0, atol=0.0035)


def test_pcap_of_two_returns_of_an_hdl_64e() -> None:
    """Told by azimuths that are there twice; the last return comes first here too."""
    (scan, points), *_ = read(pcap(made.hdl64e_frames(4_200, is_dual=True)))
    assert (scan.beams, len(points)) == (667 * 192, 2 * 667 * 192)
    firing = points.reshape(-1, 64, 2, 3)[5]
    np.testing.assert_allclose(firing[:, 0], made.hdl64e_points(5), rtol=0, atol=0.0035)
    np.testing.assert_allclose(firing[:, 1], made.hdl64e_points(5, 13_500), rtol=0, atol=0.0035)


def test_pcap_of_an_hdl_64e_of_s2() -> None:
    """Which has no checksum of its calibration, and fires faster."""
    (_, points), *_ = read(pcap(made.hdl64e_frames(4_170, is_s3=False)))
    np.testing.assert_allclose(points.reshape(-1, 64, 3)[0], made.hdl64e_points(0), rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["cut", "damaged", "without a date"])
def test_pcap_of_an_hdl_64e_without_its_calibration(name: str) -> None:
    frames = made.hdl64e_frames(4_100 if name == "cut" else 4_200)
    changes = {"damaged": [(16 * 5 + 11, 77)], "without a date": [(16 * 256 + k, 255) for k in range(9, 15)]}
    for number, value in changes.get(name, []):
        frames[number] = frames[number][0], frames[number][1][:-1] + bytes([value])
    refusal = r"the calibration that an HDL-64E of S2 or S3 tells in 4160 packets, got none in 4[12]00 \(.*export"
    with pytest.raises(InputError, match=refusal):
        read(pcap(frames))


def test_pcap_of_an_old_hdl_32e() -> None:
    """Before 2016 it said nothing of its returns."""
    packet = made.data_packet([0] * 12, mode=0, model=made.HDL32E)
    ((scan, points),) = read(pcap([(START_NS, ethernet(made.datagram(packet)))]))
    assert (scan.model, len(returned(points))) == ("HDL-32E", 384)


def test_pcap_as_the_decoder_reads_it(tmp_path: Path) -> None:
    """It cuts scans elsewhere, and has the same points at the same times."""
    import velodyne_decoder

    path = tmp_path / "a.pcap"
    start_ns = START_NS // 3_600_000_000_000 * 3_600_000_000_000 - 40_000_000  # over the full hour
    path.write_bytes(pcap(Turning(200, azimuth=777, start_ns=start_ns).frames(), ns=True))
    theirs = list(velodyne_decoder.read_pcap(str(path), velodyne_decoder.Config(min_range=0.1, max_range=300)))
    ours = read(path.read_bytes())
    np.testing.assert_array_equal(
        np.concatenate([points for _, points in ours]), np.concatenate([points[:, :3] for _, points in theirs])
    )
    assert ours[-1][0].stamp_ns == pytest.approx(theirs[-1][0].device * 1e9, abs=1000)
    assert ours[0][0].stamp_ns == (start_ns + 74 * PACKET_NS) // 1000 * 1000


def test_a_sensor_that_looks_to_one_side() -> None:
    """It tells of no other azimuths, and each of its turns is a scan."""
    half = [frame for k, frame in enumerate(Turning(300, azimuth=9_000).frames()) if k % 75 < 30]
    found = read(pcap(half))
    assert [len(scan.packets) for scan, _ in found] == [30] * 4
    assert {scan.notes for scan, _ in found} == {("144 of the 360 degrees of a turn",)}


def test_packets_that_are_missing() -> None:
    """A few leave a gap, which is said; more than a turn of them end the scan."""
    frames = Turning(400).frames()
    (first, _), (second, _), (third, _), *_ = read(pcap(frames[:20] + frames[40:110] + frames[350:]))
    assert first.notes == ("264 of the 360 degrees of a turn",)
    assert [len(scan.packets) for scan in (first, second, third)] == [55, 35, 50]
    assert (second.notes, third.notes) == (("168 of the 360 degrees of a turn",), ("240 of the 360 degrees of a turn",))


def test_packets_that_overtake_one_another() -> None:
    frames = Turning(160).frames()
    frames[74], frames[75] = frames[75], frames[74]
    found = read(pcap(frames))
    assert sum(len(scan.packets) for scan, _ in found) == 160
    assert [scan.notes for scan, _ in found][:-1] == [()] * (len(found) - 1)


def test_a_sensor_that_stands_still() -> None:
    """At one moment, as far as is said: no scan grows without an end."""
    packet = ethernet(made.datagram(made.data_packet([100] * 12)))
    count = MAX_SCAN_PACKETS + 5
    found = [len(scan.packets) for scan in scans(io.BytesIO(pcap([(0, packet)] * count)), DECODE, calibrated)]
    assert found == [MAX_SCAN_PACKETS, 5]


def test_damaged_packets_are_left_out() -> None:
    """Flags, azimuths, modes and models that no sensor sends."""
    frames = Turning(20).frames()
    for number, at, value in ((3, 100, 0xAA), (5, 203, 0xFF), (7, 1204, 0x12), (9, 1205, 0x24)):
        data = bytearray(frames[number][1])
        data[42 + at] = value
        frames[number] = frames[number][0], bytes(data)
    ((scan, points),) = read(pcap(frames))
    assert scan.notes[0] == "4 damaged packets left out"
    assert len(points) == 16 * 384


def changed(at: int, value: bytes) -> bytes:
    data = bytearray(WAYS["pcap, microseconds"])
    data[at : at + len(value)] = value
    return bytes(data)


def of_model(model: int, banks: tuple[int, ...] = (0xEEFF,), mode: int = LAST) -> bytes:
    packet = made.data_packet([0] * 12, mode=mode, model=model, banks=banks)
    return pcap([(START_NS, ethernet(made.datagram(packet)))])


def alone(frame: bytes, link: int = 1) -> bytes:
    return pcap([(START_NS, frame)] * 7, link=link)


OTHER_LIDAR = "if they are another lidar's, export its scans as PCD, LAS or CSV"
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "got an empty file"),
    "two bytes": (b"\xd4\xc3", r"expected pcap or pcapng.* got b'\\xd4\\xc3'"),
    "other bytes": (b"PK\x03\x04" + bytes(99), "expected pcap or pcapng"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(99), "got gzip; unpack it: gunzip"),
    "a modified pcap": (b"\x34\xcd\xb2\xa1" + bytes(99), "editcap -F pcap IN OUT"),
    "a header cut": (WAYS["pcap, microseconds"][:20], "ends within its header, behind 0 packets; it is cut"),
    "a header alone": (pcap([]), "expected data packets of a Velodyne lidar.*, got no packets"),
    "version 1": (changed(4, b"\1"), "pcap of version 2, got 1.4"),
    "a packet of 4 GB": (changed(32, b"\xff" * 4), "at most 262144 bytes, got 4294967295 behind 0 packets"),
    "another kind of link": (alone(bytes(99), 147), "Ethernet, Linux's any interface, .* got the link type 147"),
    "TCP": (alone(ethernet(made.ipv4(b"x" * 40, 6))), rf"got 7 packets of TCP; {OTHER_LIDAR}"),
    "ARP": (alone(ethernet(bytes(28), 0x0806)), "got 7 packets of ARP"),
    "Ouster": (
        alone(ethernet(made.datagram(bytes(1280), to_port=7502))),
        rf"got 7 datagrams of 1280 bytes to port 7502; {OTHER_LIDAR}",
    ),
    "Ouster in pieces": (
        alone(ethernet(made.ipv4(bytes(1480), 17, fragment=0x2000))),
        "got 7 pieces of larger datagrams",
    ),
    "1206 bytes of others": (alone(ethernet(made.datagram(bytes(1206)))), "got 7 datagrams of 1206 bytes to port 2368"),
    "its position alone": (alone(ethernet(made.datagram(bytes(512), to_port=8308))), "of 512 bytes to port 8308"),
    "packets cut by the recorder": (
        pcap(FRAMES, kept=96),
        "80 datagrams that were cut as they were recorded .tcpdump -s 0",
    ),
    "headers cut by the recorder": (pcap(FRAMES, kept=20), "80 packets that were cut"),
    "VLP-32A": (of_model(0x23), "HDL-32E, VLP-16, .* got some of a VLP-32A or VLP-32B, which say the same"),
    "Velarray": (of_model(0x31), "a Velarray, which does not turn"),
    "one packet of an HDL-64E": (
        of_model(0x22, (0xEEFF, 0xDDFF)),
        r"the calibration that an HDL-64E of S2 or S3 tells in 4160 packets, got none in 1 \(.*record three seconds",
    ),
    "another maker": (of_model(0x10), r"a model that says 16 \(0x10\) of itself, perhaps another maker's; export"),
    "damaged ones alone": (of_model(0x22, mode=0), "got 1 damaged packets of Velodyne"),
    "a block of 10 bytes": (
        made.section() + struct.pack("<IIH", 1, 10, 0),
        "blocks of 12 to .* got 10 behind 0 packets",
    ),
    "a block of 4 GB": (made.section() + struct.pack("<II", 6, 0xFFFFFFFC), "blocks of 12 to 16777216 bytes"),
    "a block without its interface": (
        made.section() + made.enhanced(0, FRAMES[0][1]),
        "one of 0 interfaces, got number 0",
    ),
    "a block with another size behind": (
        made.section() + made.interface()[:-4] + b"\x20\0\0\0",
        "a block of pcapng that ends with its size, 20",
    ),
    "a block too short": (made.section() + made.interface() + made.block(6, bytes(8)), "one that is too short"),
    "a packet beyond its block": (
        made.section() + made.interface() + made.block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
        "a packet of 99 bytes within its block, got 0",
    ),
    "a section of no byte order": (made.section()[:8] + bytes(20), "the byte order of a section of pcapng"),
    "a section alone": (made.section(), "got no packets"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_pcap_that_is_refused(name: str, tmp_path: Path) -> None:
    data, refusal = REFUSED[name]
    with pytest.raises(InputError, match=refusal):
        read(data)
    (tmp_path / "a.pcap").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.pcap.*{'empty' if not data else refusal}"):
        read_point_cloud(tmp_path / "a.pcap")


def test_pcap_of_two_sensors() -> None:
    """Whose points would be those of none; what to do is said."""
    one, two = Turning(90), Turning(90, start_ns=START_NS + 5)
    cases = {
        "src host 192.168.1.201": sorted(one.frames() + two.frames("192.168.1.202")),
        "dst port 2368": [
            (t, ethernet(made.datagram(one.data(k), to_port=2368 + k % 2))) for k, (t, _) in enumerate(one.frames())
        ],
        "src port 2368": [
            (t, ethernet(made.datagram(one.data(k), port=2368 + k % 2))) for k, (t, _) in enumerate(one.frames())
        ],
    }
    for advice, frames in cases.items():
        with pytest.raises(InputError, match=rf"of one sensor, got .*tcpdump -r IN.pcap -w OUT.pcap '{advice}'"):
            read(pcap(frames))


def test_a_cut_pcap_gives_what_is_whole() -> None:
    """Then it says that it is cut, and behind how many packets."""
    for data in (WAYS["pcap, microseconds"], WAYS["pcapng"]):
        found: list[Array] = []
        with (
            pytest.raises(InputError, match=r"one that ends within a (packet|block), behind 79 packets; it is cut"),
            opened_scans(io.BytesIO(data[:-1])) as opened,
        ):
            found.extend(scan_points(scan) for scan in opened)
        assert [len(points) for points in found] == [75 * 384, 4 * 384]


def test_one_cloud_of_pcap(tmp_path: Path) -> None:
    """Where one is wanted, one scan is one; of several it is said what takes them."""
    lidar, path = Turning(30), tmp_path / "a.PCAP"
    path.write_bytes(pcap(lidar.frames()))
    cloud = read_point_cloud(path)
    np.testing.assert_allclose(cloud.points, lidar.points(range(30)), rtol=0, atol=ROUNDED_M)
    assert cloud.notes == ("144 of the 360 degrees of a turn",)
    path.write_bytes(pcap(Turning(80).frames()))
    with pytest.raises(InputError, match="a recording of one scan, got several; `isthmus edge`"):
        read_point_cloud(path)


def test_pcap_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked for where there is something to decode."""
    monkeypatch.setattr(reader, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match=r"need velodyne-decoder: pip install 'isthmus\[velodyne\]'; or"):
        read_point_cloud(io.BytesIO(WAYS["pcap, microseconds"]), format="pcap")
    with pytest.raises(InputError, match="got 7 packets of TCP"):
        read(REFUSED["TCP"][0])


# Of these every byte is looked at, of that of two packets each so many.
SMALL = {
    "pcap": (pcap(Turning(1).frames()), 1),
    "pcap of two returns": (pcap(Turning(2, mode=DUAL).frames()), 11),
    "pcapng": (pcapng(Turning(1).frames()), 1),
}


@pytest.mark.parametrize("name", SMALL)
def test_damaged_pcap(name: str) -> None:
    """Beginnings, and bytes with a bit turned: scans of finite points, or words."""
    data, step = SMALL[name]
    read_count, refusals = 0, list[str]()
    for content in damaged(data, step):
        try:
            for _, points in read(content):
                assert np.linalg.norm(returned(points), axis=1).max(initial=0) < 300
            read_count += 1
        except InputError as error:
            refusals.append(str(error))
    assert min(read_count, len(refusals)) > len(data) / step / 3
    assert all("expected" in refusal for refusal in refusals)


@pytest.mark.slow
def test_damaged_pcap_ends_a_process_apart_at_most() -> None:
    """Packets that no check was made of, given to the decoder: it may end, and nothing else does."""
    rng = np.random.default_rng(8)
    asked = []
    for model in (made.VLP16, made.HDL32E, made.VLP32C, made.ALPHA, 0x31):
        for _ in range(20):
            packets = bytearray(made.data_packet([0] * 12, model=model) * 3)
            for at in rng.integers(0, len(packets), 40):
                packets[at] = int(rng.integers(256))
            asked.append(struct.pack("<QQ", 0, int(rng.integers(3))) + bytes(packets))
    ends = forked.ends_of(reader.decode, asked, max_memory_bytes=apart.MAX_MEMORY_BYTES)
    assert len(ends) == len(asked)
    assert forked.ENDLESS not in ends
    assert {forked.ANSWERED, forked.REFUSED} <= {*ends}
    with pytest.raises(InputError, match="its reader ended on"):
        DECODE(struct.pack("<QQ", 0, 0))  # no packet: it reads beyond its data
    assert len(read(SMALL["pcap"][0])) == 1  # by the next process


def test_memory_of_pcap() -> None:
    """A scan at a time is held, whatever the recording has, and nothing that a header merely speaks of."""
    frame = FRAMES[0][1]
    turns = (Turning(75).frames() * 40, pcapng([(0, frame)]) + made.section() + struct.pack("<II", 6, 0xFFFFF0))
    for data in (pcap(turns[0]), turns[1], REFUSED["a packet of 4 GB"][0]):
        stream = io.BytesIO(data)
        tracemalloc.start()
        try:
            for _ in scans(stream, DECODE, calibrated):
                pass
        except InputError:
            pass
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert most < 2e6
