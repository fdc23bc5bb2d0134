"""Bytes of the messages of `isthmus.v1`, written from what is said (`protocol`), and read as they come in.

Theory of operation. Only this module (and `status`) knows the generated classes. Whole messages go in and out as
bytes: the transport is told to leave them alone, so that a malformed one is an error of ours with a name, and so that
message bytes can be counted where they are made. What a message of the hot path costs is a few field accesses.

More than 300 lines: every message, written and read, in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from isthmus.common import status
from isthmus.common.errors import IsthmusError, MessageError
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.protocol import (
    LABEL_PROBABILITY_BITS,
    MAX_CLASS_INDEX,
    PER_MILLE_MAX,
    Capabilities,
    CodecId,
    CodecOffer,
    FrameAnswer,
    FrameLabels,
    FrameReconstruction,
    Frames,
    Goodbye,
    Heartbeat,
    HeldStream,
    NamedStream,
    OpenStream,
    Outcome,
    Results,
    StreamOpened,
    Taken,
    Timing,
)
from isthmus.common.signals import MAX_SIDE
from isthmus.v1 import codec_pb2, inference_service_pb2

DIGEST_SIZE_BYTES = 32
STREAM_NAME_BYTES = 16


def open_request(opening: OpenStream) -> bytes:
    """The first message of a stream."""
    message = inference_service_pb2.OpenStream(
        codec_id=_codec_id_message(opening.codec_id),
        task=opening.task,  # type: ignore[arg-type]  # the generated enum is an int alias
        bitstream_version=opening.bitstream_version,
        top_k=0 if opening.top_k == 1 else opening.top_k,
        wants_timing=opening.wants_timing,
        wants_pixels=opening.wants_pixels,
        wants_state_crc32=opening.wants_state_crc32,
        wants_crc32=opening.wants_crc32,
    )
    if (named := opening.named) is not None:
        message.named.name, message.named.epoch, message.named.began_epoch = named.name, named.epoch, named.began_epoch
        message.named.first_unanswered_index = named.first_unanswered_index
    return inference_service_pb2.StreamInferenceRequest(open=message).SerializeToString()


def frames_request(packets: Sequence[bytes], first_frame_index: int = -1, taken_count: int = -1) -> bytes:
    """A message of one or more frames."""
    message = inference_service_pb2.StreamInferenceRequest(packets=packets)
    if first_frame_index >= 0:
        message.first_frame_index = first_frame_index
    if taken_count >= 0:
        message.taken_count = taken_count
    return message.SerializeToString()


def taken_request(count: int) -> bytes:
    """A heartbeat of a named stream."""
    return inference_service_pb2.StreamInferenceRequest(taken_count=count).SerializeToString()


def read_request(data: bytes) -> OpenStream | Frames | Taken:
    """A client's message.

    Raises:
        MessageError: no protocol buffer, not one of `open`, `packets` and `taken_count` alone, or an `open` without
            meaning.
    """
    message = _parse(inference_service_pb2.StreamInferenceRequest, data)
    if message.packets:
        if message.HasField("open"):
            raise MessageError("request: expected either open or packets, got both")
        index = message.first_frame_index if message.HasField("first_frame_index") else -1
        taken = message.taken_count if message.HasField("taken_count") else -1
        return Frames(tuple(message.packets), index, taken)
    if not message.HasField("open"):
        if message.HasField("taken_count"):
            return Taken(message.taken_count)
        raise MessageError("request: expected open or at least one packet, got neither")
    opening = message.open
    return OpenStream(
        codec_id=_read_codec_id(opening.codec_id),
        bitstream_version=opening.bitstream_version,
        task=opening.task,
        top_k=opening.top_k or 1,
        wants_timing=opening.wants_timing,
        wants_pixels=opening.wants_pixels,
        wants_state_crc32=opening.wants_state_crc32,
        wants_crc32=opening.wants_crc32,
        named=_read_named(opening.named) if opening.HasField("named") else None,
    )


def opened_response(opened: StreamOpened) -> bytes:
    """The cloud's answer to `open`."""
    message = inference_service_pb2.StreamOpened(
        stream_id=opened.stream_id, limits=_limits_message(opened.limits), top_k=opened.top_k
    )
    if (held := opened.held) is not None:
        message.held.instance, message.held.is_resumed = held.instance, held.is_resumed
        message.held.next_frame_index = held.next_frame_index
        message.held.max_held_result_count = held.max_result_count
        message.held.max_held_result_bytes = held.max_result_bytes
    return inference_service_pb2.StreamInferenceResponse(opened=message).SerializeToString()


def results_response(
    outcomes: Sequence[Sequence[int] | Outcome], timing: Timing | None = None, first_frame_index: int = -1
) -> bytes:
    """A message of one or more results: labels as `pack_labels` makes them or with their frame, or another outcome."""
    message = inference_service_pb2.StreamInferenceResponse()
    if first_frame_index >= 0:
        message.first_frame_index = first_frame_index
    add = message.results.add
    for outcome in outcomes:
        if isinstance(outcome, IsthmusError):
            add().error.CopyFrom(status.to_status(outcome))
        elif isinstance(outcome, FrameReconstruction):
            told = add().reconstruction
            told.height, told.width, told.pixels_crc32 = outcome.height, outcome.width, outcome.pixels_crc32
            told.png = outcome.png
        elif isinstance(outcome, FrameLabels):
            result = add()
            result.labels.extend(outcome.packed)
            if outcome.state_crc32 >= 0:
                result.state_crc32 = outcome.state_crc32
        elif isinstance(outcome, FrameAnswer):
            add().answer = outcome.data
        else:
            add().labels.extend(outcome)
    if timing is not None:
        message.timing.entropy_decode_us = timing.entropy_decode_us
        message.timing.task_us = timing.task_us
    return message.SerializeToString()


def goodbye_response() -> bytes:
    """The cloud's request to send no more frames."""
    return inference_service_pb2.StreamInferenceResponse(goodbye=True).SerializeToString()


def heartbeat_response() -> bytes:
    """The cloud is there."""
    return inference_service_pb2.StreamInferenceResponse(heartbeat=True).SerializeToString()


def read_response(data: bytes, class_count: int = MAX_CLASS_INDEX + 1) -> StreamOpened | Results | Goodbye | Heartbeat:
    """A cloud's message; labels must name one of `class_count` classes (0: none may come).

    Raises:
        MessageError: no protocol buffer, not exactly one of `opened`, `results`, `goodbye` and `heartbeat`, or a result
            without meaning.
    """
    message = _parse(inference_service_pb2.StreamInferenceResponse, data)
    if message.results:
        if message.HasField("opened") or message.goodbye or message.heartbeat:
            raise MessageError("response: expected one of opened, results, goodbye and heartbeat, got two")
        outcomes = tuple(_read_outcome(result, class_count) for result in message.results)
        timing = Timing(message.timing.entropy_decode_us, message.timing.task_us)
        return Results(outcomes, timing, message.first_frame_index if message.HasField("first_frame_index") else -1)
    if message.goodbye + message.HasField("opened") + message.heartbeat != 1:
        raise MessageError("response: expected one of opened, results, goodbye and heartbeat, got none or two")
    if message.goodbye:
        return Goodbye()
    if message.heartbeat:
        return Heartbeat()
    opened = message.opened
    if opened.top_k < 1:
        raise MessageError(f"response: expected opened.top_k of at least 1, got {opened.top_k}")
    held = _read_held(opened.held) if opened.HasField("held") else None
    return StreamOpened(opened.stream_id, _read_limits(opened.limits), opened.top_k, held)


def capabilities_response(capabilities: Capabilities) -> bytes:
    """What GetCapabilities answers."""
    codecs = [
        codec_pb2.Codec(
            id=_codec_id_message(offer.codec_id),
            tasks=offer.tasks,  # type: ignore[arg-type]
            bitstream_versions=offer.bitstream_versions,
            class_count=offer.class_count,
        )
        for offer in capabilities.codecs
    ]
    limits = _limits_message(capabilities.limits)
    return inference_service_pb2.GetCapabilitiesResponse(codecs=codecs, limits=limits).SerializeToString()


def read_capabilities(data: bytes) -> Capabilities:
    """What a cloud offers. MessageError if the bytes are not that."""
    message = _parse(inference_service_pb2.GetCapabilitiesResponse, data)
    codecs = tuple(
        CodecOffer(_read_codec_id(c.id), tuple(c.tasks), tuple(c.bitstream_versions), c.class_count)
        for c in message.codecs
    )
    return Capabilities(codecs, _read_limits(message.limits))


def _read_outcome(result: inference_service_pb2.FrameResult, class_count: int) -> Outcome:
    labels = tuple(result.labels)
    others = [name for name in ("error", "reconstruction", "answer") if result.HasField(name)]
    if len(others) + bool(labels) != 1:
        raise MessageError(
            "result: expected one of labels, error, reconstruction and answer, got "
            f"{', '.join((['labels'] if labels else []) + others) or 'none'}"
        )
    if others == ["error"]:
        return status.from_status(result.error)
    if others == ["reconstruction"]:
        return _read_reconstruction(result.reconstruction)
    if others == ["answer"]:
        return FrameAnswer(result.answer)
    for value in labels:
        if value & 1023 > PER_MILLE_MAX or value >> LABEL_PROBABILITY_BITS >= class_count:
            raise MessageError(
                f"label {value}: expected a class below {class_count} and at most {PER_MILLE_MAX} per mille, "
                f"got class {value >> LABEL_PROBABILITY_BITS} and {value & 1023}"
            )
    return FrameLabels(labels, result.state_crc32 if result.HasField("state_crc32") else -1)


def _read_reconstruction(message: inference_service_pb2.Reconstruction) -> FrameReconstruction:
    if not (1 <= message.height <= MAX_SIDE and 1 <= message.width <= MAX_SIDE):
        raise MessageError(
            f"reconstruction: expected sides of 1 to {MAX_SIDE} pixels, got {message.width} x {message.height}"
        )
    return FrameReconstruction(message.height, message.width, message.pixels_crc32, message.png)


_M = TypeVar("_M", bound=Message)


def _parse(kind: type[_M], data: bytes) -> _M:
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        name = kind.DESCRIPTOR.full_name
        raise MessageError(f"expected a {name} message, got {len(data)} bytes that are none") from error
    return message


def _codec_id_message(codec_id: CodecId) -> codec_pb2.CodecId:
    return codec_pb2.CodecId(name=codec_id.name, manifest_sha256=codec_id.manifest_sha256)


def _read_codec_id(message: codec_pb2.CodecId) -> CodecId:
    if not message.name or len(message.manifest_sha256) != DIGEST_SIZE_BYTES:
        raise MessageError(
            f"codec_id: expected a name and {DIGEST_SIZE_BYTES} bytes of manifest_sha256, "
            f"got {message.name[:80]!r} and {len(message.manifest_sha256)} bytes"
        )
    return CodecId(message.name, message.manifest_sha256)


def _read_named(message: inference_service_pb2.NamedStream) -> NamedStream:
    if len(message.name) != STREAM_NAME_BYTES or not message.began_epoch < message.epoch:
        raise MessageError(
            f"named: expected a name of {STREAM_NAME_BYTES} bytes and an epoch above began_epoch, got "
            f"{len(message.name)} bytes, epoch {message.epoch} and began_epoch {message.began_epoch}"
        )
    return NamedStream(message.name, message.epoch, message.began_epoch, message.first_unanswered_index)


def _read_held(message: inference_service_pb2.HeldStream) -> HeldStream:
    return HeldStream(
        message.instance,
        message.is_resumed,
        message.next_frame_index,
        message.max_held_result_count,
        message.max_held_result_bytes,
    )


def _limits_message(limits: StreamLimits) -> codec_pb2.Limits:
    return codec_pb2.Limits(
        max_packet_size_bytes=limits.packet.max_packet_size_bytes,
        max_symbol_count=limits.packet.max_symbol_count,
        max_signal_count=limits.packet.max_signal_count,
        max_in_flight_frame_count=limits.max_in_flight_frame_count,
        max_message_size_bytes=limits.max_message_size_bytes,
        idle_timeout_ms=round(limits.idle_timeout_s * 1000),
    )


def _read_limits(message: codec_pb2.Limits) -> StreamLimits:
    fields = {name: getattr(message, name) for name in message.DESCRIPTOR.fields_by_name}
    if zero := [name for name, value in fields.items() if value < 1]:
        raise MessageError(f"limits: expected at least 1 in each field, got 0 in {', '.join(zero)}")
    return StreamLimits(
        Limits(
            max_packet_size_bytes=message.max_packet_size_bytes,
            max_symbol_count=message.max_symbol_count,
            max_signal_count=message.max_signal_count,
        ),
        max_in_flight_frame_count=message.max_in_flight_frame_count,
        max_message_size_bytes=message.max_message_size_bytes,
        idle_timeout_s=message.idle_timeout_ms / 1000,
    )
