"""Scans of a lidar in a recorded network: the packets of one turn after another, one scan in memory at a time.

A scan begins with the first packet, and with each that is a full turn past the beginning of the one before, so that no
direction is in it twice, but for the width of a packet. Where packets are missing for longer than a turn can take, or
time runs back, a scan ends early; how much of a turn it has is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from statistics import median
from typing import BinaryIO

from isthmus.common.errors import InputError
from isthmus.data.capture.datagrams import Datagram, datagram
from isthmus.data.capture.packets import NS_PER_S, captured
from isthmus.data.capture.velodyne import (
    ADVICE,
    TAIL_BYTES,
    TURN,
    DataPacket,
    Model,
    data_packet,
    is_data_packet,
    model_of,
)

MAX_SCAN_NS = 3 * NS_PER_S // 10
"""Sensors turn five times a second or faster."""
MAX_BACK_NS = NS_PER_S // 100
"""That a packet may be overtaken by."""
MAX_BACK = 10 * 100
"""Hundredths of a degree that it may be behind then; further ahead all is possible, as sensors may look to one side."""
MAX_SCAN_PACKETS = 8192
"""Twice what the fastest sends in that time."""
CALIBRATION_PACKETS = 2 * 4160
"""In which a sensor tells its calibration, wherever it begins: it does so over and over, once in half as many."""
BEFORE_PACKETS = 3
"""Kept of those before a scan, for who works out how fast the sensor turns and fires."""

Of = Callable[[bytes], bytes]

_HOUR_NS = 3600 * NS_PER_S
_LOST = 1.8
"""Times the usual step from one packet's azimuth to the next: above it, packets are missing."""
MAX_KINDS = 64
"""Of other packets that are told apart."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One turn of a sensor, not decoded.

    Attributes:
        index: of it in the recording, from 0 on.
        model: of the sensor, in a word.
        packets: of this scan, in their order.
        before: the last packets in front of these.
        beams: that were sent out in it.
        log_time_ns: when its last packet was recorded, since 1970.
        stamp_ns: the same by the sensor's clock, which tells the time within an hour; None where it has none.
        notes: what is to be said of it, a sentence each.
        calibration: of this one sensor, b"" where all of its model have the same.
        decode: makes points of its packets, see `isthmus.data.capture.points`.
    """

    index: int
    model: str
    packets: tuple[bytes, ...]
    before: tuple[bytes, ...]
    beams: int
    log_time_ns: int
    stamp_ns: int | None
    notes: tuple[str, ...]
    calibration: bytes = field(repr=False)
    decode: Of = field(repr=False)

    @property
    def fields(self) -> dict[str, object]:
        """Its place, its times and its sensor, of a JSON object."""
        times = {"log_time_ns": self.log_time_ns, "stamp_ns": self.stamp_ns}
        return {"index": self.index, **times, "sensor": self.model}


def scans(stream: BinaryIO, decode: Of, calibrate: Of) -> Iterator[Scan]:
    """The scans of a recording, in their order.

    Args:
        stream: read from front to end.
        decode: what each scan is given.
        calibrate: makes a calibration of the last bytes of the first packets, for a model that tells one.

    Raises:
        InputError: no recording of one sensor that is read, or, after all scans that could be read, one that is cut or
            damaged; the packets in front of that are a scan too.
    """
    others = Counter[str]()
    received = _received(stream, others)
    first = next(received, None)
    if first is None:
        raise _nothing(others)
    if isinstance(first, InputError):
        raise first
    model, calibration = model_of(first.told), b""
    received = chain((first,), received)
    if model.has_own_angles:
        held = list(islice(received, CALIBRATION_PACKETS))
        calibration = calibrate(b"".join(f.data[-TAIL_BYTES:] for f in held if isinstance(f, _Received)))
        received = chain(held, received)
    growing, index = _Growing(model), 0
    fault: InputError | None = None
    for found in received:
        if isinstance(found, InputError):
            fault = found
            break
        if found.source != first.source:
            raise _several(first.source, found.source)
        # One that says another model than those before is damaged.
        if not found.told.is_whole or found.told.model != first.told.model:
            growing.damaged += 1
            continue
        if growing.is_complete(found):
            yield growing.scan(index, calibration, decode)
            index, growing = index + 1, growing.next()
        growing.add(found)
    if growing.packets:
        yield growing.scan(index, calibration, decode)
    elif not index and fault is None:
        raise _nothing(others + Counter({"damaged packets of Velodyne": growing.damaged}))
    if fault is not None:
        raise fault


@dataclass(frozen=True, slots=True)
class _Received:
    """A data packet: who sent it (address, port, port to), when it came, and what it says."""

    source: tuple[str, int, int]
    time_ns: int
    data: bytes
    told: DataPacket


def _received(stream: BinaryIO, others: Counter[str]) -> Iterator[_Received | InputError]:
    """The data packets of a recording; others are counted. At the end, why there are no more, if that is a fault."""
    try:
        for packet in captured(stream):
            found = datagram(packet)
            if isinstance(found, Datagram) and is_data_packet(found.data):
                source = found.sender, found.port, found.to_port
                yield _Received(source, packet.time_ns, found.data, data_packet(found.data))
            else:
                _count(others, found, is_whole=packet.is_whole)
    except InputError as error:
        yield error


class _Growing:
    """A scan that packets are added to."""

    def __init__(self, model: Model, before: tuple[bytes, ...] = ()) -> None:
        self.packets: list[bytes] = []
        self.damaged = 0
        self._model, self._before = model, before
        self._steps: list[int] = []
        self._beams = self._turned = self._first_ns = self._last_ns = 0
        self._last: DataPacket | None = None

    def is_complete(self, found: _Received) -> bool:
        """Whether a packet is of the next scan."""
        if self._last is None:
            return False
        if not -MAX_BACK_NS <= found.time_ns - self._first_ns <= MAX_SCAN_NS:
            return True
        return self._turned + self._step(found.told) >= TURN or len(self.packets) == MAX_SCAN_PACKETS

    def add(self, found: _Received) -> None:
        """A packet that is of this one."""
        if self._last is None:
            self._first_ns = found.time_ns
        else:
            self._steps.append(self._step(found.told))
            self._turned += self._steps[-1]
        self.packets.append(found.data)
        self._beams += self._model.beams(is_dual=found.told.is_dual)
        self._last, self._last_ns = found.told, found.time_ns

    def next(self) -> _Growing:
        """The one after this."""
        return _Growing(self._model, tuple(self.packets[-BEFORE_PACKETS:]))

    def scan(self, index: int, calibration: bytes, decode: Of) -> Scan:
        """What there is of it. At least one packet was added."""
        assert self._last is not None
        notes = [f"{self.damaged} damaged packets left out"] if self.damaged else []
        degrees = self._degrees()
        if degrees < 360:
            notes.append(f"{degrees} of the 360 degrees of a turn")
        return Scan(
            index,
            self._model.name,
            tuple(self.packets),
            self._before,
            self._beams,
            self._last_ns,
            _clock_ns(self._last.us_of_hour, self._last_ns),
            tuple(notes),
            calibration,
            decode,
        )

    def _step(self, told: DataPacket) -> int:
        """From the last azimuth on to this one; a little back where one packet has overtaken another."""
        assert self._last is not None
        return (told.azimuth - self._last.azimuth + MAX_BACK) % TURN - MAX_BACK

    def _degrees(self) -> int:
        """Of a turn, that it has packets of: each reaches to the next one, but where some are missing."""
        assert self._last is not None
        usual = median(self._steps) if self._steps else self._last.span
        had = sum(step if step <= usual * _LOST else usual for step in self._steps) + usual
        # The last packet of a turn reaches past its end or up to it.
        return 360 if had + usual >= TURN else max(round(had / 100), 0)


def _clock_ns(us_of_hour: int, log_time_ns: int) -> int | None:
    """A time within an hour, in the hour in which it is nearest to when it was recorded."""
    if us_of_hour * 1000 >= _HOUR_NS:
        return None
    found = log_time_ns // _HOUR_NS * _HOUR_NS + us_of_hour * 1000
    if found > log_time_ns + _HOUR_NS // 2:
        return found - _HOUR_NS
    return found + _HOUR_NS if found < log_time_ns - _HOUR_NS // 2 else found


def _several(one: tuple[str, int, int], other: tuple[str, int, int]) -> InputError:
    differs = next(place for place in range(3) if one[place] != other[place])
    part = ("src host", "src port", "dst port")[differs]
    return InputError(
        f"expected packets of one sensor, got those of {one[0]} from port {one[1]} to {one[2]} and of {other[0]} from "
        f"port {other[1]} to {other[2]}; take one out: tcpdump -r IN.pcap -w OUT.pcap '{part} {one[differs]}'"
    )


def _count(others: Counter[str], found: Datagram | str, *, is_whole: bool) -> None:
    """A packet that is none of a lidar's data."""
    if isinstance(found, str):
        kind = found
    elif not is_whole:
        kind = "datagrams that were cut as they were recorded (tcpdump -s 0 records whole ones)"
    else:
        kind = f"datagrams of {found.size} bytes to port {found.to_port}"
    if kind in others or len(others) < MAX_KINDS:
        others[kind] += 1


def _nothing(others: Counter[str]) -> InputError:
    """Why there is no scan: what there is."""
    listed = ", ".join(f"{count} {kind}" for kind, count in others.most_common(4)) or "no packets"
    return InputError(
        f"expected data packets of a Velodyne lidar (UDP, 1206 bytes), got {listed}; if they are another lidar's, "
        f"{ADVICE}"
    )
