"""One codec of the sweep over points, and what was measured of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from isthmus.common.errors import InputError
from isthmus.measure.pointcloud.training_record import Validation

PATTERN = "pc-*-p*-lambda*"
_NAME = re.compile(r"pc-(?P<config>full|lite|micro)-p(?P<points>\d+)-lambda(?P<lam>\d+(\.\d+)?)(-seed(?P<seed>\d+))?")


@dataclass(frozen=True, slots=True)
class SweepName:
    """Parts of ``pc-<config>-p<points>-lambda<trade-off>[-seed<seed>]``."""

    config: str
    points: int
    trade_off: float
    seed: int

    @classmethod
    def parse(cls, name: str) -> SweepName:
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(f"expected a codec name like pc-lite-p64-lambda160, got {name!r}")
        return cls(match["config"], int(match["points"]), float(match["lam"]), int(match["seed"] or 0))


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One codec on the test clouds, one cloud a packet.

    Attributes:
        config, points, trade_off, seed: what it is.
        top1_percent: of answers to decoded packets.
        coded_bits: of the payload, mean of a cloud.
        packet_bits: of the whole packet.
        estimated_bits: ideal length under the codec's tables.
        validation: what its training record says.
        edge_macs, decoder_macs: multiply-accumulates a cloud.
        edge_parameters, decoder_parameters: weights and biases, batch norm folded.
    """

    config: str
    points: int
    trade_off: float
    seed: int
    top1_percent: float
    coded_bits: float
    packet_bits: float
    estimated_bits: float
    validation: Validation
    edge_macs: int
    decoder_macs: int
    edge_parameters: int
    decoder_parameters: int
