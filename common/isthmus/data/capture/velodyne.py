"""Data packets of Velodyne's turning lidars: which model sent one, and whether it is whole.

Source: VLP-16 User Manual (63-9243), chapter 9, and those of the other models. A packet has 1,206 bytes: twelve blocks
of 100, then the microseconds since the full hour, then two bytes that say how many returns of a beam are told and
which model it is. A block is a flag, which says which bank of 32 lasers it is of, an azimuth in hundredths of a degree,
and 32 returns of a distance and a reflectivity; a distance of 0 is a beam that did not return.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isthmus.common.errors import InputError

PACKET_BYTES = 1206
BLOCKS, BLOCK_BYTES, LASERS = 12, 100, 32
TURN = 36_000
"""Hundredths of a degree."""

_HEADS = struct.Struct("<" + "HH96x" * BLOCKS)
_TAIL = struct.Struct("<IBB")
_BANKS = (0xEEFF, 0xDDFF, 0xCCFF, 0xBBFF)
STRONGEST, _LAST, _DUAL = 0x37, 0x38, 0x39
MODE_AT = PACKET_BYTES - 2
TAIL_BYTES = 6


@dataclass(frozen=True, slots=True)
class Model:
    """One that is read.

    Attributes:
        name: as its maker calls it.
        banks: of the blocks of its packets that hold returns, where each beam has one.
        dual_banks: the same where each beam has two.
        has_own_angles: whether each that was made has a calibration of its own, which its packets tell bit by bit.
    """

    name: str
    banks: tuple[int, ...] = (_BANKS[0],) * BLOCKS
    dual_banks: tuple[int, ...] = (_BANKS[0],) * BLOCKS
    has_own_angles: bool = False

    def beams(self, *, is_dual: bool) -> int:
        """That a packet tells of."""
        return (len(self.dual_banks) // 2 if is_dual else len(self.banks)) * LASERS


HDL32E, HDL64E = 0x21, 0x100
"""The second says no number, and has something else where the others have theirs."""
MODELS = {
    0x21: Model("HDL-32E"),
    0x22: Model("VLP-16"),
    0x24: Model("Puck Hi-Res"),
    0x28: Model("VLP-32C"),
    # With two returns each bank is there twice, and the last four blocks hold nothing.
    0xA1: Model("Alpha Prime", _BANKS * 3, tuple(bank for bank in _BANKS for _ in range(2))),
    HDL64E: Model("HDL-64E", _BANKS[:2] * 6, _BANKS[:2] * 6, has_own_angles=True),
}
"""By the number in their packets. A Puck LITE is a VLP-16, but for its weight."""
ADVICE = "export its scans as PCD, LAS or CSV with its maker's software (VeloView for Velodyne)"


@dataclass(frozen=True, slots=True)
class DataPacket:
    """What one packet says of itself.

    Attributes:
        model: that sent it, if that is one of `MODELS`.
        is_dual: whether each beam has two returns, the last and the strongest one.
        azimuth: of its first block, in hundredths of a degree.
        span: from there to that of its last one.
        us_of_hour: the sensor's clock: microseconds since the full hour; an hour or more where it has none.
        is_whole: whether its blocks are what its model sends.
    """

    model: int
    is_dual: bool
    azimuth: int
    span: int
    us_of_hour: int
    is_whole: bool


def is_data_packet(data: bytes) -> bool:
    """Whether a datagram looks like one: by its size and its first flag."""
    return len(data) == PACKET_BYTES and data[:2] == b"\xff\xee"


def data_packet(data: bytes) -> DataPacket:
    """What a packet says of itself; `is_data_packet` holds for it."""
    heads = _HEADS.unpack_from(data)
    banks, azimuths = heads[::2], heads[1::2]
    us_of_hour, mode, model = _TAIL.unpack_from(data, BLOCKS * BLOCK_BYTES)
    is_dual = mode == _DUAL
    # HDL-32E of before 2016 say nothing of the mode, and know but one.
    is_known = mode in (STRONGEST, _LAST, _DUAL) or (model == HDL32E and mode == 0)
    if banks == MODELS[HDL64E].banks:
        model, is_dual, is_known = HDL64E, azimuths[0] == azimuths[2], True
    sender = MODELS.get(model, Model(""))
    layout = sender.dual_banks if is_dual else sender.banks
    azimuths = azimuths[: len(layout)]
    is_whole = is_known and banks[: len(layout)] == layout and max(azimuths) < TURN
    return DataPacket(model, is_dual, azimuths[0], (azimuths[-1] - azimuths[0]) % TURN, us_of_hour, is_whole)


def model_of(packet: DataPacket) -> Model:
    """That a packet says it comes from. InputError if that is not read; the message says what to do."""
    if packet.model in MODELS:
        return MODELS[packet.model]
    *names, last = (model.name for model in MODELS.values())
    unknown = f"a model that says {packet.model} (0x{packet.model:02X}) of itself, perhaps another maker's"
    got = _OTHERS.get(packet.model, unknown)
    raise InputError(f"expected packets of {', '.join(names)} or {last}, got some of {got}; {ADVICE}")


_OTHERS = {
    0x23: "a VLP-32A or VLP-32B, which say the same of themselves and differ",
    0x31: "a Velarray, which does not turn",
}
