"""How a stream opens: its first message, read, and held against what its peer may open and its codec can do."""

from __future__ import annotations

from isthmus.cloud.identity import Identity
from isthmus.common import protocol, wire
from isthmus.common.errors import ForbiddenError, LimitExceededError, StreamNotOpenError, UnsupportedVersionError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.sealing import unsealed
from isthmus.common.status import mismatch
from isthmus.common.tasks import task_numbered
from isthmus.common.zoo import MAX_SAID_NAME

MAX_OPEN_BYTES = 2048
"""Of a stream's first message, which names a codec and a few wishes in about a hundred."""


def check_size(data: bytes, most: int, what: str) -> None:
    """Before a message is parsed: gRPC's own bound is that of the largest message of all signals.

    Raises:
        LimitExceededError: it is larger.
    """
    if len(data) > most:
        raise LimitExceededError(f"{what}: expected at most {most} bytes, got {len(data)}")


def read_opening(data: object, identity: Identity) -> protocol.OpenStream:
    """What a stream is opened for.

    Args:
        data: its first message; no bytes where it ended before one.
        identity: whose stream it is.

    Raises:
        StreamNotOpenError: the first message is no open.
        LimitExceededError, MessageError: it is too large, or no message.
        ForbiddenError: the codec is not for this peer.
    """
    if not isinstance(data, bytes):
        raise StreamNotOpenError("expected open as the first message of the stream, got its end")
    check_size(data, MAX_OPEN_BYTES, "first message")
    request = wire.read_request(data)
    if not isinstance(request, protocol.OpenStream):
        raise StreamNotOpenError("expected open as the first message of the stream, got packets")
    if request.wants_crc32:
        unsealed(data)
    if not identity.may_open(request.codec_id.name):
        raise ForbiddenError(
            f"codec {request.codec_id.name[:MAX_SAID_NAME]!r}: expected one that {identity.name} may open"
        )
    return request


def check_request(manifest: Manifest, request: protocol.OpenStream) -> None:
    """Compare what a stream asks for with what its codec can do.

    Raises:
        UnsupportedVersionError: the codec has another bitstream, or no such task.
    """
    if request.bitstream_version != manifest.bitstream_version:
        raise mismatch(
            UnsupportedVersionError,
            f"bitstream version of codec {manifest.name}",
            str(manifest.bitstream_version),
            str(request.bitstream_version),
            "install the same release of isthmus on both sides",
        )
    word = task_numbered(request.task)
    if word not in manifest.tasks:
        raise mismatch(UnsupportedVersionError, f"task of codec {manifest.name}", " or ".join(manifest.tasks), word)
