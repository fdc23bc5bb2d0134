"""What was measured of one codec: one point of a rate-accuracy curve, with its bytes, times and operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.percentiles import Percentiles
from isthmus.measure.pointcloud.training_record import Validation
from isthmus.measure.wire_meter import WireBytes

_NAME = re.compile(r"pc-(?P<config>full|lite|micro)-(?P<variant>any|p\d+|thesis-p\d+)-q(?P<step>\d+)")

STAGES = ("edge", "entropy_encode", "wire", "cloud_decode", "cloud_task", "total")


@dataclass(frozen=True, slots=True)
class CodecName:
    """Parts of ``pc-<config>-<variant>-q<step>``; a family is all steps of one config and variant."""

    config: str
    variant: str
    step: int

    @classmethod
    def parse(cls, name: str) -> CodecName:
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(f"expected a codec name like pc-lite-any-q10, got {name!r}")
        return cls(match["config"], match["variant"], int(match["step"]))

    @property
    def family(self) -> str:
        return f"pc-{self.config}-{self.variant}"


@dataclass(frozen=True, slots=True)
class Rate:
    """Mean bits a signal at each layer of the way; from `coded_bits` on, each is at least the one before.

    `estimated_bits` is the ideal length under the prior. It may lie above `coded_bits` by less than a tail's rounding.
    """

    estimated_bits: float
    coded_bits: float
    packet_bits: float
    message_bits: float
    wire_bits: float

    def __post_init__(self) -> None:
        values = (self.estimated_bits, self.coded_bits, self.packet_bits, self.message_bits, self.wire_bits)
        if not all(np.isfinite(v) and v >= 0 for v in values):
            raise InputError(f"expected finite rates of 0 bits or more, got {values}")
        if not values[1] <= values[2] <= values[3] <= values[4]:
            raise InputError(f"expected coded <= packet <= message <= wire bits, got {values[1:]}")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Mean bytes a cloud on the wire each way."""

    up: float
    down: float

    @classmethod
    def mean(cls, crossed: WireBytes, clouds: int) -> Traffic:
        return cls(crossed.up / clouds, crossed.down / clouds)

    @property
    def both(self) -> float:
        return self.up + self.down


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds a cloud, one cloud a message, each sent after the answer to the one before.

    `edge` is normalising, the network and the quantiser; `wire` is the round trip less what the cloud says that it
    spent on decoding and on its half of the network.
    """

    edge: Percentiles
    entropy_encode: Percentiles
    wire: Percentiles
    cloud_decode: Percentiles
    cloud_task: Percentiles
    total: Percentiles


@dataclass(frozen=True, slots=True)
class CodecPoint:
    """One codec on one test set at one number of points.

    Attributes:
        name: of the codec.
        points: points of each cloud.
        clouds: clouds measured.
        top1_percent: on clouds as they stand in the data, by the answers that came over the wire.
        random_heading_top1_percent: each cloud turned about z by an angle of its own.
        top1_draws_percent: `top1_percent` of each draw of points; their mean is `top1_percent`.
        rate: mean bits a cloud, one cloud a message.
        coalesced_rate: the same with `coalesced_clouds` clouds a packet.
        wire_bytes: TCP payload a cloud, each way, one cloud a message.
        coalesced_wire_bytes: the same coalesced.
        times: of one cloud a message.
        edge_macs: multiply-accumulates of the edge half a cloud; 0 where the codec folder does not say.
        decoder_macs: of the cloud half a cloud; 0 where the folder does not say.
        validation: what its training record says of validation; None where it says nothing.
    """

    name: str
    points: int
    clouds: int
    top1_percent: float
    random_heading_top1_percent: float
    top1_draws_percent: tuple[float, ...]
    rate: Rate
    coalesced_rate: Rate
    coalesced_clouds: int
    wire_bytes: Traffic
    coalesced_wire_bytes: Traffic
    times: StageTimes
    edge_macs: int
    decoder_macs: int
    validation: Validation | None = None

    @property
    def parts(self) -> CodecName:
        return CodecName.parse(self.name)

    @property
    def family(self) -> str:
        return self.parts.family

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CodecPoint:
        """Back from a results file; InputError where a field is missing or of another kind."""
        try:
            fields = dict(document)
            fields["top1_draws_percent"] = tuple(fields["top1_draws_percent"])
            for key in ("rate", "coalesced_rate"):
                fields[key] = Rate(**fields[key])
            for key in ("wire_bytes", "coalesced_wire_bytes"):
                fields[key] = Traffic(**fields[key])
            if (judged := fields.get("validation")) is not None:
                fields["validation"] = Validation(**judged)
            fields["times"] = StageTimes(**{stage: Percentiles(**fields["times"][stage]) for stage in STAGES})
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise InputError(f"expected a measured codec of this version, got {error!r}: measure again") from error
