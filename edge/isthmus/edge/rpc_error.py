"""What an error of gRPC means, in the error tree of the house."""

from __future__ import annotations

import grpc

from isthmus.common import status
from isthmus.common.errors import CloudUnreachableError, DeadlineError, IsthmusError


def rpc_error(error: grpc.RpcError, address: str) -> IsthmusError:
    """What gRPC's error means: the cloud's own where it sent one, else by code."""
    assert isinstance(error, grpc.Call)  # true of every error that a call raises
    code, message = error.code(), error.details() or ""
    trailers = dict(error.trailing_metadata() or ())
    details = trailers.get(status.DETAILS_KEY, b"")
    told = status.from_trailers(code.value[0], message, details if isinstance(details, bytes) else b"")
    if isinstance(told, CloudUnreachableError):
        return CloudUnreachableError(
            f"expected a cloud at {address}, got no answer ({message}); start one with: isthmus cloud"
        )
    if isinstance(told, DeadlineError) and not details:
        return DeadlineError(f"expected an answer from the cloud at {address} in time, got none ({message})")
    return told
