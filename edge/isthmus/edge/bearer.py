"""A token that every call on a channel begins with; messages of a stream do not pass here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class Bearer(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc, type-arg, unused-ignore]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc, type-arg, unused-ignore]
):
    """Says the token as a call begins.

    Args:
        token: asked for at each call. InputError where it is none.
    """

    def __init__(self, token: Callable[[], str]) -> None:
        token()  # one that is none is said before anything is called
        self._token = token

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """As gRPC has it."""
        return continuation(self._with(client_call_details), request)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """As gRPC has it."""
        return continuation(self._with(client_call_details), request_iterator)

    def _with(self, details: Any) -> _Details:
        metadata = [*(details.metadata or ()), ("authorization", f"Bearer {self._token()}")]
        return _Details(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            getattr(details, "compression", None),
        )
