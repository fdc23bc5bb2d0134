"""A cloud that opens any stream and then misbehaves as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

from isthmus.common import protocol, wire
from isthmus.common.limits import StreamLimits
from support import tiny_codec

Behaviour = Callable[[Iterator[bytes]], Iterator[bytes]]


@contextmanager
def false_cloud(behaviour: Behaviour, limits: StreamLimits = tiny_codec.LIMITS) -> Iterator[str]:
    """A server that opens any stream and then misbehaves."""

    def stream(requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        next(requests)
        yield wire.opened_response(protocol.StreamOpened("false", limits, 1))
        yield from behaviour(requests)

    server = grpc.server(futures.ThreadPoolExecutor(2))
    handler: Any = grpc.stream_stream_rpc_method_handler(stream)
    service = grpc.method_handlers_generic_handler("isthmus.v1.InferenceService", {"StreamInference": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(5)
