from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    TASK_CLASSIFICATION: _ClassVar[Task]
    TASK_RECONSTRUCTION: _ClassVar[Task]
    TASK_MOTION_COMPENSATED_INFERENCE: _ClassVar[Task]
    TASK_DETECTION: _ClassVar[Task]
    TASK_SEGMENTATION: _ClassVar[Task]
    TASK_EMBEDDING: _ClassVar[Task]
    TASK_TENSORS: _ClassVar[Task]
TASK_UNSPECIFIED: Task
TASK_CLASSIFICATION: Task
TASK_RECONSTRUCTION: Task
TASK_MOTION_COMPENSATED_INFERENCE: Task
TASK_DETECTION: Task
TASK_SEGMENTATION: Task
TASK_EMBEDDING: Task
TASK_TENSORS: Task

class CodecId(_message.Message):
    __slots__ = ("name", "manifest_sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    manifest_sha256: bytes
    def __init__(self, name: _Optional[str] = ..., manifest_sha256: _Optional[bytes] = ...) -> None: ...

class Codec(_message.Message):
    __slots__ = ("id", "tasks", "bitstream_versions", "class_count")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    BITSTREAM_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CLASS_COUNT_FIELD_NUMBER: _ClassVar[int]
    id: CodecId
    tasks: _containers.RepeatedScalarFieldContainer[Task]
    bitstream_versions: _containers.RepeatedScalarFieldContainer[int]
    class_count: int
    def __init__(self, id: _Optional[_Union[CodecId, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[Task, str]]] = ..., bitstream_versions: _Optional[_Iterable[int]] = ..., class_count: _Optional[int] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_packet_size_bytes", "max_symbol_count", "max_in_flight_frame_count", "max_signal_count", "max_message_size_bytes", "idle_timeout_ms")
    MAX_PACKET_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SYMBOL_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_SIGNAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    max_packet_size_bytes: int
    max_symbol_count: int
    max_in_flight_frame_count: int
    max_signal_count: int
    max_message_size_bytes: int
    idle_timeout_ms: int
    def __init__(self, max_packet_size_bytes: _Optional[int] = ..., max_symbol_count: _Optional[int] = ..., max_in_flight_frame_count: _Optional[int] = ..., max_signal_count: _Optional[int] = ..., max_message_size_bytes: _Optional[int] = ..., idle_timeout_ms: _Optional[int] = ...) -> None: ...
