from google.rpc import status_pb2 as _status_pb2
from isthmus.v1 import codec_pb2 as _codec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("codecs", "limits")
    CODECS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    codecs: _containers.RepeatedCompositeFieldContainer[_codec_pb2.Codec]
    limits: _codec_pb2.Limits
    def __init__(self, codecs: _Optional[_Iterable[_Union[_codec_pb2.Codec, _Mapping]]] = ..., limits: _Optional[_Union[_codec_pb2.Limits, _Mapping]] = ...) -> None: ...

class StreamInferenceRequest(_message.Message):
    __slots__ = ("open", "packets", "first_frame_index", "taken_count", "crc32")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    TAKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    open: OpenStream
    packets: _containers.RepeatedScalarFieldContainer[bytes]
    first_frame_index: int
    taken_count: int
    crc32: int
    def __init__(self, open: _Optional[_Union[OpenStream, _Mapping]] = ..., packets: _Optional[_Iterable[bytes]] = ..., first_frame_index: _Optional[int] = ..., taken_count: _Optional[int] = ..., crc32: _Optional[int] = ...) -> None: ...

class StreamInferenceResponse(_message.Message):
    __slots__ = ("opened", "results", "timing", "goodbye", "first_frame_index", "heartbeat", "crc32")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    opened: StreamOpened
    results: _containers.RepeatedCompositeFieldContainer[FrameResult]
    timing: Timing
    goodbye: bool
    first_frame_index: int
    heartbeat: bool
    crc32: int
    def __init__(self, opened: _Optional[_Union[StreamOpened, _Mapping]] = ..., results: _Optional[_Iterable[_Union[FrameResult, _Mapping]]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., goodbye: _Optional[bool] = ..., first_frame_index: _Optional[int] = ..., heartbeat: _Optional[bool] = ..., crc32: _Optional[int] = ...) -> None: ...

class OpenStream(_message.Message):
    __slots__ = ("codec_id", "task", "bitstream_version", "top_k", "wants_timing", "wants_pixels", "wants_state_crc32", "named", "wants_crc32")
    CODEC_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    BITSTREAM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    WANTS_TIMING_FIELD_NUMBER: _ClassVar[int]
    WANTS_PIXELS_FIELD_NUMBER: _ClassVar[int]
    WANTS_STATE_CRC32_FIELD_NUMBER: _ClassVar[int]
    NAMED_FIELD_NUMBER: _ClassVar[int]
    WANTS_CRC32_FIELD_NUMBER: _ClassVar[int]
    codec_id: _codec_pb2.CodecId
    task: _codec_pb2.Task
    bitstream_version: int
    top_k: int
    wants_timing: bool
    wants_pixels: bool
    wants_state_crc32: bool
    named: NamedStream
    wants_crc32: bool
    def __init__(self, codec_id: _Optional[_Union[_codec_pb2.CodecId, _Mapping]] = ..., task: _Optional[_Union[_codec_pb2.Task, str]] = ..., bitstream_version: _Optional[int] = ..., top_k: _Optional[int] = ..., wants_timing: _Optional[bool] = ..., wants_pixels: _Optional[bool] = ..., wants_state_crc32: _Optional[bool] = ..., named: _Optional[_Union[NamedStream, _Mapping]] = ..., wants_crc32: _Optional[bool] = ...) -> None: ...

class NamedStream(_message.Message):
    __slots__ = ("name", "epoch", "began_epoch", "first_unanswered_index")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BEGAN_EPOCH_FIELD_NUMBER: _ClassVar[int]
    FIRST_UNANSWERED_INDEX_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    epoch: int
    began_epoch: int
    first_unanswered_index: int
    def __init__(self, name: _Optional[bytes] = ..., epoch: _Optional[int] = ..., began_epoch: _Optional[int] = ..., first_unanswered_index: _Optional[int] = ...) -> None: ...

class StreamOpened(_message.Message):
    __slots__ = ("stream_id", "limits", "top_k", "held")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    stream_id: str
    limits: _codec_pb2.Limits
    top_k: int
    held: HeldStream
    def __init__(self, stream_id: _Optional[str] = ..., limits: _Optional[_Union[_codec_pb2.Limits, _Mapping]] = ..., top_k: _Optional[int] = ..., held: _Optional[_Union[HeldStream, _Mapping]] = ...) -> None: ...

class HeldStream(_message.Message):
    __slots__ = ("instance", "is_resumed", "next_frame_index", "max_held_result_count", "max_held_result_bytes")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    IS_RESUMED_FIELD_NUMBER: _ClassVar[int]
    NEXT_FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    MAX_HELD_RESULT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_HELD_RESULT_BYTES_FIELD_NUMBER: _ClassVar[int]
    instance: bytes
    is_resumed: bool
    next_frame_index: int
    max_held_result_count: int
    max_held_result_bytes: int
    def __init__(self, instance: _Optional[bytes] = ..., is_resumed: _Optional[bool] = ..., next_frame_index: _Optional[int] = ..., max_held_result_count: _Optional[int] = ..., max_held_result_bytes: _Optional[int] = ...) -> None: ...

class FrameResult(_message.Message):
    __slots__ = ("labels", "error", "reconstruction", "state_crc32", "answer")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RECONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    STATE_CRC32_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[int]
    error: _status_pb2.Status
    reconstruction: Reconstruction
    state_crc32: int
    answer: bytes
    def __init__(self, labels: _Optional[_Iterable[int]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., reconstruction: _Optional[_Union[Reconstruction, _Mapping]] = ..., state_crc32: _Optional[int] = ..., answer: _Optional[bytes] = ...) -> None: ...

class Reconstruction(_message.Message):
    __slots__ = ("height", "width", "pixels_crc32", "png")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    PIXELS_CRC32_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    pixels_crc32: int
    png: bytes
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., pixels_crc32: _Optional[int] = ..., png: _Optional[bytes] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("entropy_decode_us", "task_us")
    ENTROPY_DECODE_US_FIELD_NUMBER: _ClassVar[int]
    TASK_US_FIELD_NUMBER: _ClassVar[int]
    entropy_decode_us: int
    task_us: int
    def __init__(self, entropy_decode_us: _Optional[int] = ..., task_us: _Optional[int] = ...) -> None: ...
