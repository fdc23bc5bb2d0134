"""The gRPC service of `isthmus.v1`: admits streams, answers capabilities, and turns errors into statuses.

Messages pass gRPC as bytes (no serialisers are given to it): `isthmus.common.wire` reads them, so a malformed one has a
status with a reason instead of gRPC's INTERNAL.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Mapping

import grpc
import grpc.aio

from isthmus.cloud.held import HeldStreams, Holding
from isthmus.cloud.quota import Quota
from isthmus.cloud.served import Zoo
from isthmus.cloud.stream import Context, Stream, reason
from isthmus.common import protocol, status, wire
from isthmus.common.errors import OverloadedError

SERVICE_NAME = "isthmus.v1.InferenceService"

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_log = logging.getLogger("isthmus.cloud")


class InferenceService:
    """Streams of one server: at most `max_stream_count` at a time, each within the quota of its signal.

    Args:
        zoo: its codecs.
        quotas: by signal.
        max_stream_count: of all signals.
        holding: how much is held of named streams.
    """

    def __init__(
        self,
        zoo: Zoo,
        quotas: Mapping[str, Quota],
        max_stream_count: int,
        holding: Holding = Holding(),  # noqa: B008
    ) -> None:
        self.held_streams = HeldStreams(holding)
        self._zoo = zoo
        self._quotas = quotas
        # What is said where the signal is not known yet: the first one's, which are those of point clouds.
        self._limits = next(iter(quotas.values())).allowance.limits
        self._max_stream_count = max_stream_count
        self._streams: set[Stream] = set()
        self._is_draining = False
        self._all_done = asyncio.Event()
        self._all_done.set()
        self._names = (f"{secrets.token_hex(3)}-{n}" for n in itertools.count())

    @property
    def stream_count(self) -> int:
        """Streams that are live now."""
        return len(self._streams)

    def handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        """What `grpc.aio.Server.add_generic_rpc_handlers` takes."""
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "GetCapabilities": grpc.unary_unary_rpc_method_handler(self.get_capabilities),
                "StreamInference": grpc.stream_stream_rpc_method_handler(self.stream_inference),
            },
        )

    async def get_capabilities(self, _request: bytes, _context: Context) -> bytes:
        """The codecs served and the limits; the request has no fields."""
        return wire.capabilities_response(protocol.Capabilities(self._zoo.offers(), self._limits))

    async def stream_inference(self, _requests: object, context: Context) -> None:
        """One stream, from its first message to its status."""
        stream_id = next(self._names)
        try:
            self._admit(stream_id, context)
            stream = Stream(stream_id, context, self._zoo, self._quotas, self._limits, self.held_streams)
            self._streams.add(stream)
            self._all_done.clear()
            try:
                await stream.run()
            finally:
                self._streams.discard(stream)
                if not self._streams:
                    self._all_done.set()
        except Exception as error:
            self._end(stream_id, context, error)

    async def drain(self, grace_s: float) -> bool:
        """Take no more streams and wait for the live ones; False if some were still live after `grace_s`."""
        self._is_draining = True
        for stream in self._streams:
            stream.drain()
        try:
            await asyncio.wait_for(self._all_done.wait(), grace_s)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Release the worker threads; no stream may be live any more."""
        self._zoo.close()
        for quota in self._quotas.values():
            quota.close()

    def _admit(self, stream_id: str, context: Context) -> None:
        if self._is_draining:
            error = OverloadedError("the cloud is shutting down and takes no new streams; try again later")
        elif len(self._streams) >= self._max_stream_count:
            error = OverloadedError(
                f"expected at most {self._max_stream_count} streams at a time, got one more; try again later"
            )
        else:
            return
        _log.info("stream %s of %s refused: %s", stream_id, context.peer(), reason(error))
        raise error

    @staticmethod
    def _end(stream_id: str, context: Context, error: Exception) -> None:
        """Set the status that the stream ends with when its handler returns."""
        if not status.is_explained(error):
            _log.error("stream %s failed", stream_id, exc_info=error)
        told = status.to_status(error)
        context.set_code(_CODES[told.code])
        context.set_details(told.message)
        context.set_trailing_metadata(((status.DETAILS_KEY, told.SerializeToString()),))
