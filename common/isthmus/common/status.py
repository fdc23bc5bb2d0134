"""Errors as statuses and back: one table says which gRPC code, reason and scope each error has.

Theory of operation. An error travels as a google.rpc.Status: the code, the message, and a google.rpc.ErrorInfo whose
reason names our class, with `expected` and `actual` apart for programs. The way back goes by reason; a status without
one (a proxy's, gRPC's own, another server's) goes by its code. What is not in the table is nobody else's business: it
becomes INTERNAL with a fixed text, and the cloud's log has the truth.

The codes are plain integers here (google.rpc.Code); `isthmus.cloud.service` and `isthmus.edge.client` turn them into
gRPC's own enum, so that `isthmus.common` stays free of gRPC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    FencedError,
    ForbiddenError,
    FrameOrderError,
    IsthmusError,
    LimitExceededError,
    ManifestMismatchError,
    MessageError,
    OverloadedError,
    PacketError,
    ReferenceMissingError,
    StreamNotOpenError,
    SymbolMismatchError,
    UnauthenticatedError,
    UnknownCodecError,
    UnsupportedVersionError,
)
from isthmus.common.shown import shown

DOMAIN = "isthmus.v1"

# Trailing metadata in which gRPC carries a google.rpc.Status.
DETAILS_KEY = "grpc-status-details-bin"

HIDDEN_MESSAGE = "the cloud failed on this stream; its log says why"

# A message may quote what came in; a status lives in HTTP/2 headers, which peers bound (often at 8 KiB).
MAX_MESSAGE_CHARS = 1000
MAX_VALUE_CHARS = 200


class Scope(Enum):
    """What an error ends: the stream, or only the frame that caused it."""

    FRAME = "frame"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of errors travels."""

    error: type[IsthmusError]
    code: int
    reason: str
    scope: Scope


TABLE: tuple[Row, ...] = (
    Row(PacketError, code_pb2.INVALID_ARGUMENT, "PACKET_MALFORMED", Scope.FRAME),
    # A frame too large is that frame's; too many frames in flight, or too large a message, the service raises
    # for the whole stream.
    Row(LimitExceededError, code_pb2.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED", Scope.FRAME),
    Row(SymbolMismatchError, code_pb2.DATA_LOSS, "SYMBOL_CHECKSUM_MISMATCH", Scope.FRAME),
    Row(ReferenceMissingError, code_pb2.FAILED_PRECONDITION, "REFERENCE_MISSING", Scope.FRAME),
    Row(StreamNotOpenError, code_pb2.FAILED_PRECONDITION, "STREAM_NOT_OPEN", Scope.STREAM),
    Row(FrameOrderError, code_pb2.FAILED_PRECONDITION, "FRAME_OUT_OF_ORDER", Scope.STREAM),
    Row(UnknownCodecError, code_pb2.NOT_FOUND, "CODEC_UNKNOWN", Scope.STREAM),
    Row(ManifestMismatchError, code_pb2.FAILED_PRECONDITION, "MANIFEST_MISMATCH", Scope.STREAM),
    Row(UnsupportedVersionError, code_pb2.FAILED_PRECONDITION, "UNSUPPORTED_VERSION", Scope.STREAM),
    Row(UnauthenticatedError, code_pb2.UNAUTHENTICATED, "UNAUTHENTICATED", Scope.STREAM),
    Row(ForbiddenError, code_pb2.PERMISSION_DENIED, "FORBIDDEN", Scope.STREAM),
    Row(MessageError, code_pb2.INVALID_ARGUMENT, "MESSAGE_MALFORMED", Scope.STREAM),
    Row(OverloadedError, code_pb2.UNAVAILABLE, "OVERLOADED", Scope.STREAM),
    Row(FencedError, code_pb2.ABORTED, "STREAM_FENCED", Scope.STREAM),
    Row(DeadlineError, code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", Scope.STREAM),
    Row(CloudUnreachableError, code_pb2.UNAVAILABLE, "CLOUD_UNREACHABLE", Scope.STREAM),
    Row(CloudFailureError, code_pb2.INTERNAL, "INTERNAL", Scope.STREAM),
)

_BY_CLASS = {row.error: row for row in TABLE}
_BY_REASON = {row.reason: row for row in TABLE}
_FALLBACK = _BY_CLASS[CloudFailureError]

# For statuses without our reason: gRPC itself and proxies use these codes so.
_BY_CODE: dict[int, type[IsthmusError]] = {
    code_pb2.UNAVAILABLE: CloudUnreachableError,
    code_pb2.CANCELLED: CloudUnreachableError,  # not by us: a server that stops cancels what is still live
    code_pb2.DEADLINE_EXCEEDED: DeadlineError,
    code_pb2.RESOURCE_EXHAUSTED: LimitExceededError,
    code_pb2.UNAUTHENTICATED: UnauthenticatedError,
    code_pb2.PERMISSION_DENIED: ForbiddenError,
    code_pb2.UNIMPLEMENTED: UnsupportedVersionError,
}


def row_of(error: BaseException) -> Row:
    """The row of an error's nearest class; that of `CloudFailureError` for anything the table does not name."""
    for kind in type(error).__mro__:
        if kind in _BY_CLASS:
            return _BY_CLASS[kind]
    return _FALLBACK


def is_explained(error: BaseException) -> bool:
    """Whether the table names this error; if not, its text stays on this side."""
    return row_of(error) is not _FALLBACK or isinstance(error, CloudFailureError)


def to_status(error: BaseException) -> status_pb2.Status:
    """The status that tells a peer of `error`, its text hidden where the table does not name it."""
    row = row_of(error)
    message = str(error)[:MAX_MESSAGE_CHARS] if is_explained(error) else HIDDEN_MESSAGE
    status = status_pb2.Status(code=row.code, message=message)
    info = error_details_pb2.ErrorInfo(reason=row.reason, domain=DOMAIN)
    if is_explained(error) and isinstance(error, IsthmusError):
        for key, value in (("expected", error.expected), ("actual", error.actual)):
            if value:
                info.metadata[key] = value[:MAX_VALUE_CHARS]
    status.details.add().Pack(info)
    if isinstance(error, OverloadedError):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(error.retry_delay_s * 1000))
        status.details.add().Pack(retry)
    return status


def from_status(status: status_pb2.Status) -> IsthmusError:
    """The error a peer told of: by our reason, else by the code. Never raises: a status is already bad news."""
    kind: type[IsthmusError] = _BY_CODE.get(status.code, CloudFailureError)
    expected = actual = ""
    retry_delay_s = OverloadedError.retry_delay_s
    for detail in status.details:
        try:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo()
                detail.Unpack(info)
                if info.domain == DOMAIN and info.reason in _BY_REASON:
                    kind = _BY_REASON[info.reason].error
                    expected, actual = info.metadata.get("expected", ""), info.metadata.get("actual", "")
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                retry = error_details_pb2.RetryInfo()
                detail.Unpack(retry)
                retry_delay_s = retry.retry_delay.ToMilliseconds() / 1000
        except DecodeError:
            continue
    # Cut here, where it comes in: the other side may say anything, at any length.
    message = shown(status.message, MAX_MESSAGE_CHARS)
    error = kind(message or f"the cloud gave status {status.code} without a message")
    error.expected, error.actual = shown(expected, MAX_VALUE_CHARS), shown(actual, MAX_VALUE_CHARS)
    if isinstance(error, OverloadedError):
        error.retry_delay_s = retry_delay_s
    return error


def from_trailers(code: int, message: str, details: bytes) -> IsthmusError:
    """The error that ended a stream.

    Args:
        code, message: gRPC's own status.
        details: the value of `DETAILS_KEY` in the trailing metadata, empty where there is none. What does not parse,
            or is about another code, is passed over.
    """
    status = status_pb2.Status()
    try:
        status.ParseFromString(details)
    except DecodeError:
        status.Clear()
    if status.code != code:
        status = status_pb2.Status(code=code, message=message)
    return from_status(status)


_E = TypeVar("_E", bound=IsthmusError)


def mismatch(kind: type[_E], what: str, expected: str, actual: str, next_step: str = "") -> _E:
    """An error about two values that should be equal: "`what`: expected E, got A", with both kept apart as well."""
    error = kind(f"{what}: expected {expected}, got {actual}" + (f"; {next_step}" if next_step else ""))
    error.expected, error.actual = expected, actual
    return error
