"""Measured codecs of point clouds, made up: what a test of curves and tables starts from."""

from __future__ import annotations

from isthmus.measure.percentiles import Percentiles
from isthmus.measure.pointcloud.point import CodecPoint, Rate, StageTimes, Traffic
from isthmus.measure.pointcloud.training_record import Validation

TIMES = StageTimes(*(Percentiles(0.1 * k, 0.2 * k, 0.15 * k) for k in range(1, 7)))


def codec_point(name: str, bits: float, top1: float, validation: Validation | None) -> CodecPoint:
    """One codec that takes `bits` a cloud and answers `top1` percent rightly, three fewer at any heading."""
    return CodecPoint(
        name=name,
        points=1024,
        clouds=907,
        top1_percent=top1,
        random_heading_top1_percent=top1 - 3,
        top1_draws_percent=(top1,),
        rate=Rate(bits - 2.5, bits, bits + 8, bits + 24, bits + 350),
        coalesced_rate=Rate(bits - 2.5, bits - 2, bits - 1.5, bits, bits + 10),
        coalesced_clouds=32,
        wire_bytes=Traffic(44.0, 46.5),
        coalesced_wire_bytes=Traffic(2.0, 3.4),
        times=TIMES,
        edge_macs=483_328,
        decoder_macs=0,
        validation=validation,
    )
