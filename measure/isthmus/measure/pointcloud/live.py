"""Drives a live cloud with one codec, and measures what an edge sees: answers, bits at each layer, and times.

Four passes over the test clouds, each on a stream of its own:

1. one cloud a message, the next one after the answer, through the counting relay: top-1 and bits;
2. some of them again, without the relay and with the cloud's own times: stages;
3. coalesced, `coalesced_clouds` a packet, through the relay: bits;
4. the other draws of points, and all draws at random headings, coalesced: accuracy only.

The bytes of opening a stream are left out: they are paid once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.symbols import Symbols
from isthmus.common.coded import Coded
from isthmus.common.errors import CodecError, InputError
from isthmus.common.manifest.folder import EDGE_FILE, load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import PointCloud
from isthmus.edge.client import CloudClient
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.measure.percentiles import Percentiles
from isthmus.measure.pointcloud.options import LiveOptions
from isthmus.measure.pointcloud.point import STAGES, CodecPoint, Rate, StageTimes, Traffic
from isthmus.measure.pointcloud.training_record import TrainingRecord
from isthmus.measure.pointcloud.trial_clouds import TrialClouds
from isthmus.measure.wire_meter import WireMeter

WARM_UP_CLOUDS = 20

Int64 = npt.NDArray[np.int64]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """Answers (class of each cloud), mean bits a cloud and bytes on the wire of one pass."""

    predicted: Int64
    rate: Rate
    traffic: Traffic


def measure_codec(
    folder: Path, trial: TrialClouds, address: str, options: LiveOptions, progress: Progress = lambda _: None
) -> CodecPoint:
    """Measure one codec.

    Args:
        folder: of the codec; the cloud must serve the same one.
        trial: the clouds.
        address: of the cloud, ``host:port``.
        options: see there.
        progress: called with the number of clouds done since the last call; `clouds_to_send` is their sum.

    Raises:
        InputError: the data's classes are not the codec's.
        CodecError: a cloud got another answer in a packet of many than alone.
        IsthmusError: what encoding or the stream raises.
    """
    codec = load_codec_folder(folder, needed=(EDGE_FILE,), kind=PointCloudManifest)
    encoder = PointCloudEncoder(codec, options.threads)
    manifest = encoder.manifest
    if manifest.class_names != trial.class_names:
        raise InputError(
            f"{manifest.name}: expected data of its {len(manifest.class_names)} classes "
            f"{', '.join(manifest.class_names[:3])}, .., got {trial.name} with {', '.join(trial.class_names[:3])}, ..: "
            "choose codecs trained on this data with --codecs"
        )
    aligned = trial.draws[0]
    with WireMeter(address) as meter:
        single = _ping_pong(meter, encoder, aligned, progress)
        coalesced = _coalesced(meter, encoder, aligned, options.coalesced_clouds, progress)
    differ = int((single.predicted != coalesced.predicted).sum())
    if differ:
        raise CodecError(f"{manifest.name}: expected the same answers alone and coalesced, got {differ} that differ")
    times = _times(address, encoder, aligned, options.timed_clouds, progress)
    accuracies = [_top1_percent(single.predicted, trial.labels)]
    turned = []
    for draw in trial.draws[1:]:
        accuracies.append(_top1_percent(_answers(address, encoder, draw, options, progress), trial.labels))
    for draw in trial.turned:
        turned.append(_top1_percent(_answers(address, encoder, draw, options, progress), trial.labels))
    record = TrainingRecord.read(codec.path)
    return CodecPoint(
        name=manifest.name,
        points=trial.points,
        clouds=len(trial),
        top1_percent=float(np.mean(accuracies)),
        random_heading_top1_percent=float(np.mean(turned)),
        top1_draws_percent=tuple(accuracies),
        rate=single.rate,
        coalesced_rate=coalesced.rate,
        coalesced_clouds=options.coalesced_clouds,
        wire_bytes=single.traffic,
        coalesced_wire_bytes=coalesced.traffic,
        times=times,
        edge_macs=record.edge_macs(trial.points),
        decoder_macs=record.decoder_macs,
        validation=record.validation,
    )


def clouds_to_send(trial: TrialClouds, options: LiveOptions) -> int:
    """How many clouds `measure_codec` sends: what its progress adds up to."""
    timed = min(options.timed_clouds + WARM_UP_CLOUDS, len(trial))
    return len(trial) * (1 + len(trial.draws) + len(trial.turned)) + timed


def _ping_pong(meter: WireMeter, encoder: PointCloudEncoder, clouds: Sequence[PointCloud], progress: Progress) -> _Pass:
    with CloudClient(meter.address, encoder.manifest) as client:
        client.open()
        before = meter.counted()
        predicted, sent = [], []
        for cloud in clouds:
            encoded = encoder.encode(cloud)
            client.send(encoded.packet)
            predicted.append(client.receive().value.top().class_index)
            sent.append(encoded)
            progress(1)
        traffic = Traffic.mean(meter.counted() - before, len(clouds))
        message_bits = 8 * client.traffic.sent_bytes / len(clouds)
    return _Pass(np.array(predicted, np.int64), _rate(sent, message_bits, traffic), traffic)


def _coalesced(
    meter: WireMeter, encoder: PointCloudEncoder, clouds: Sequence[PointCloud], group: int, progress: Progress
) -> _Pass:
    with CloudClient(meter.address, encoder.manifest) as client:
        client.open()
        before = meter.counted()
        sent: list[Coded[Symbols]] = []
        predicted = _classify(client, encoder, clouds, group, progress, sent=sent)
        traffic = Traffic.mean(meter.counted() - before, len(clouds))
        message_bits = 8 * client.traffic.sent_bytes / len(clouds)
    return _Pass(predicted, _rate(sent, message_bits, traffic), traffic)


def _answers(
    address: str, encoder: PointCloudEncoder, clouds: Sequence[PointCloud], options: LiveOptions, progress: Progress
) -> Int64:
    with CloudClient(address, encoder.manifest) as client:
        return _classify(client, encoder, clouds, options.coalesced_clouds, progress, sent=[])


def _classify(
    client: CloudClient,
    encoder: PointCloudEncoder,
    clouds: Sequence[PointCloud],
    group: int,
    progress: Progress,
    *,
    sent: list[Coded[Symbols]],
) -> Int64:
    """Class of each cloud, `group` clouds a packet; each packet is added to `sent`."""
    predicted: list[int] = []
    for start in range(0, len(clouds), group):
        encoded = encoder.encode_batch(clouds[start : start + group])
        sent.append(encoded)
        client.send(encoded.packet)
        predicted += [labels[0].class_index for labels in client.receive().value.signals]
        progress(encoded.packet.signal_count)
    return np.array(predicted, np.int64)


def _rate(sent: Sequence[Coded[Symbols]], message_bits: float, traffic: Traffic) -> Rate:
    """Mean bits a cloud over packets of any number of clouds."""
    clouds = sum(encoded.packet.signal_count for encoded in sent)
    return Rate(
        estimated_bits=float(sum(encoded.estimated_bits.sum() for encoded in sent)) / clouds,
        coded_bits=sum(encoded.payload_bits for encoded in sent) / clouds,
        packet_bits=sum(encoded.packet_bits for encoded in sent) / clouds,
        message_bits=message_bits,
        wire_bits=8 * traffic.up,
    )


def _times(
    address: str, encoder: PointCloudEncoder, clouds: Sequence[PointCloud], timed_clouds: int, progress: Progress
) -> StageTimes:
    """Milliseconds of each stage over the first clouds, one a message; warm-up rounds are thrown away."""
    chosen = clouds[: timed_clouds + WARM_UP_CLOUDS]
    skip = min(WARM_UP_CLOUDS, len(chosen) - 1)
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with CloudClient(address, encoder.manifest, wants_timing=True) as client:
        client.open()
        for cloud in chosen:
            encoded = encoder.encode(cloud)
            client.send(encoded.packet)
            result = client.receive()
            result.value.top()  # raises the frame's error, if it has one
            decode_s, task_s = result.timing.entropy_decode_us * 1e-6, result.timing.task_us * 1e-6
            seconds["edge"].append(encoded.timing.seconds("normalize", "network"))
            seconds["entropy_encode"].append(encoded.timing.seconds("entropy_encode"))
            seconds["wire"].append(max(0.0, result.round_trip_s - decode_s - task_s))
            seconds["cloud_decode"].append(decode_s)
            seconds["cloud_task"].append(task_s)
            seconds["total"].append(encoded.timing.total_s + result.round_trip_s)
            progress(1)
    return StageTimes(**{f.name: Percentiles.of(1e3 * np.array(seconds[f.name][skip:])) for f in fields(StageTimes)})


def _top1_percent(predicted: Int64, labels: Int64) -> float:
    return 100 * float((predicted == labels).mean())
