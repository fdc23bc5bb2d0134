"""Errors as gRPC statuses and back."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common import errors, status
from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    InputError,
    IsthmusError,
    LimitExceededError,
    ManifestMismatchError,
    OverloadedError,
    PacketError,
    UnsupportedVersionError,
)

# The outline's table: error, code, reason.
OUTLINE = {
    "StreamNotOpenError": ("FAILED_PRECONDITION", "STREAM_NOT_OPEN", "stream"),
    "FrameOrderError": ("FAILED_PRECONDITION", "FRAME_OUT_OF_ORDER", "stream"),
    "UnknownCodecError": ("NOT_FOUND", "CODEC_UNKNOWN", "stream"),
    "ManifestMismatchError": ("FAILED_PRECONDITION", "MANIFEST_MISMATCH", "stream"),
    "UnsupportedVersionError": ("FAILED_PRECONDITION", "UNSUPPORTED_VERSION", "stream"),
    "PacketError": ("INVALID_ARGUMENT", "PACKET_MALFORMED", "frame"),
    "LimitExceededError": ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", "frame"),
    "SymbolMismatchError": ("DATA_LOSS", "SYMBOL_CHECKSUM_MISMATCH", "frame"),
    "ReferenceMissingError": ("FAILED_PRECONDITION", "REFERENCE_MISSING", "frame"),
    "OverloadedError": ("UNAVAILABLE", "OVERLOADED", "stream"),
    "UnauthenticatedError": ("UNAUTHENTICATED", "UNAUTHENTICATED", "stream"),
    "ForbiddenError": ("PERMISSION_DENIED", "FORBIDDEN", "stream"),
    "MessageError": ("INVALID_ARGUMENT", "MESSAGE_MALFORMED", "stream"),
    "FencedError": ("ABORTED", "STREAM_FENCED", "stream"),
    "DeadlineError": ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "stream"),
    "CloudUnreachableError": ("UNAVAILABLE", "CLOUD_UNREACHABLE", "stream"),
    "CloudFailureError": ("INTERNAL", "INTERNAL", "stream"),
}


def info_of(told: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert told.details[0].Unpack(info)
    return info


def test_the_table_is_the_outlines() -> None:
    table = {row.error.__name__: (code_pb2.Code.Name(row.code), row.reason, row.scope.value) for row in status.TABLE}
    assert table == OUTLINE


def test_every_remote_error_has_a_row() -> None:
    leaves = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RemoteError) and not kind.__subclasses__()
    ]
    assert {kind.__name__ for kind in leaves} == set(OUTLINE)


@pytest.mark.parametrize("row", status.TABLE, ids=lambda row: row.reason)
def test_there_and_back(row: status.Row) -> None:
    error = row.error("expected a, got b")
    error.expected, error.actual = "a", "b"
    told = status.to_status(error)
    assert (told.code, told.message) == (row.code, "expected a, got b")
    info = info_of(told)
    assert (info.domain, info.reason, dict(info.metadata)) == (
        "isthmus.v1",
        row.reason,
        {"expected": "a", "actual": "b"},
    )
    back = status.from_trailers(row.code, "as gRPC says it", told.SerializeToString())
    assert (type(back), str(back), back.expected, back.actual) == (row.error, "expected a, got b", "a", "b")


@pytest.mark.parametrize("error", [ValueError("/secret/path"), InputError("secret"), KeyError("secret"), MemoryError()])
def test_what_is_not_in_the_table_is_hidden(error: Exception) -> None:
    error_with_values = error
    if isinstance(error_with_values, IsthmusError):
        error_with_values.expected = "secret"
    told = status.to_status(error_with_values)
    assert (told.code, told.message) == (code_pb2.INTERNAL, status.HIDDEN_MESSAGE)
    assert b"secret" not in told.SerializeToString()
    assert isinstance(status.from_status(told), CloudFailureError)
    assert not status.is_explained(error)


def test_a_subclass_goes_by_its_parents_row() -> None:
    class OddPacketError(PacketError):
        pass

    assert status.row_of(OddPacketError("x")).reason == "PACKET_MALFORMED"


def test_overload_says_when_to_return() -> None:
    error = OverloadedError("expected fewer streams")
    error.retry_delay_s = 2.5
    back = status.from_status(status.to_status(error))
    assert isinstance(back, OverloadedError)
    assert back.retry_delay_s == 2.5


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (code_pb2.UNAVAILABLE, CloudUnreachableError),
        (code_pb2.CANCELLED, CloudUnreachableError),
        (code_pb2.DEADLINE_EXCEEDED, DeadlineError),
        (code_pb2.RESOURCE_EXHAUSTED, LimitExceededError),
        (code_pb2.UNIMPLEMENTED, UnsupportedVersionError),
        (code_pb2.UNKNOWN, CloudFailureError),
    ],
)
@pytest.mark.parametrize(
    "details", [b"", b"\xff\xffgarbage", status_pb2.Status(code=5, message="other").SerializeToString()]
)
def test_statuses_that_are_not_ours(code: int, kind: type[IsthmusError], details: bytes) -> None:
    error = status.from_trailers(code, "proxy says no", details)
    assert (type(error), str(error)) == (kind, "proxy says no")


def test_another_domain_is_not_ours() -> None:
    told = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="m")
    told.details.add().Pack(error_details_pb2.ErrorInfo(reason="PACKET_MALFORMED", domain="example.org"))
    assert isinstance(status.from_status(told), CloudUnreachableError)


def test_damaged_details_do_not_hide_the_error() -> None:
    told = status.to_status(PacketError("x"))
    told.details[0].value = b"\xff"
    assert str(status.from_status(told)) == "x"


def test_long_messages_are_cut() -> None:
    error = status.mismatch(ManifestMismatchError, "manifest", "e" * 5000, "a" * 5000, "stop")
    assert len(status.to_status(error).SerializeToString()) < 2000


def test_mismatch_names_both_values() -> None:
    error = status.mismatch(ManifestMismatchError, "manifest of x", "aa", "bb", "copy it")
    assert str(error) == "manifest of x: expected aa, got bb; copy it"
    assert (error.expected, error.actual) == ("aa", "bb")


@given(st.integers(-5, 40), st.text(max_size=50), st.binary(max_size=100))
def test_any_trailers_give_an_error(code: int, message: str, details: bytes) -> None:
    assert isinstance(status.from_trailers(code, message, details), IsthmusError)
