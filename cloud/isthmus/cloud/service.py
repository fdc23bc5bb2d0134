"""The gRPC service of `isthmus.v1`: admits streams, answers capabilities, and turns errors into statuses.

Messages pass gRPC as bytes (no serialisers are given to it): `isthmus.common.wire` reads them, so a malformed one has a
status with a reason instead of gRPC's INTERNAL.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable

import grpc
import grpc.aio

from isthmus.cloud.identity import Identify, Identity, by_address
from isthmus.cloud.pace import Paces
from isthmus.cloud.quota import Places
from isthmus.cloud.shared import Shared
from isthmus.cloud.stream import Stream, reason
from isthmus.cloud.told import Context, tell_end
from isthmus.common import protocol, status, wire
from isthmus.common.errors import IsthmusError, OverloadedError, UnauthenticatedError

SERVICE_NAME = "isthmus.v1.InferenceService"

STUCK_AFTER_S = 60.0

_log = logging.getLogger("isthmus.cloud")


class InferenceService:
    """Streams of one server, each in one of its `places`, within the quota of its signal.

    Attributes:
        stuck_after_s: no new stream is taken while one step of work takes longer than that.
    """

    def __init__(
        self, shared: Shared, places: Places, identify: Identify = by_address, stuck_after_s: float = STUCK_AFTER_S
    ) -> None:
        self._paces = Paces()
        self._shared = shared
        self._identify = identify
        self._places = places
        self.stuck_after_s = stuck_after_s
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
                # The request has no fields, so it is not even read: gRPC would hold what comes of it until it is whole.
                "GetCapabilities": grpc.stream_stream_rpc_method_handler(self.get_capabilities),
                "StreamInference": grpc.stream_stream_rpc_method_handler(self.stream_inference),
            },
        )

    async def get_capabilities(self, _requests: object, context: Context) -> None:
        """The codecs that the peer may open, and the limits."""
        try:
            identity = self._identify(context)
            with self._shared.calls.entered(identity.name):
                offers = tuple(offer for offer in self._shared.zoo.offers() if identity.may_open(offer.codec_id.name))
                await context.write(wire.capabilities_response(protocol.Capabilities(offers, self._shared.limits)))
        except IsthmusError as error:
            self._end("of capabilities", context, error)

    @property
    def is_stuck(self) -> bool:
        """Whether a step of work does not end: a network that loops, or a machine that has stopped."""
        return self._shared.scheduler.longest_s() > self.stuck_after_s

    async def stream_inference(self, _requests: object, context: Context) -> None:
        """One stream, from its first message to its status."""
        stream_id = next(self._names)
        try:
            identity = self._identified(stream_id, context)
            with self._paces.entered(identity) as pace:
                stream = Stream(stream_id, context, identity, pace, self._shared)
                self._admit(stream_id, stream, context)
                self._streams.add(stream)
                self._all_done.clear()
                try:
                    await stream.run()
                finally:
                    self._streams.discard(stream)
                    self._places.leave(stream)
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

    def end_unknown(self, knows: Callable[[Identity], bool]) -> None:
        """End the streams of those who would not be let in any more."""
        for stream in self._streams:
            if not knows(stream.identity):
                stream.end(UnauthenticatedError("expected a peer that this cloud knows, got one that was let go since"))

    def close(self) -> None:
        """Leave what is under way; no stream may be live any more."""
        self._shared.zoo.close()
        self._shared.scheduler.close()

    def _admit(self, stream_id: str, stream: Stream, context: Context) -> None:
        """Give a stream a place. OverloadedError says when to come again if there is none, or nothing gets done."""
        ledger = self._shared.ledger
        try:
            if self._is_draining:
                raise OverloadedError("the cloud is shutting down and takes no new streams; try again later")
            if self.is_stuck:
                raise OverloadedError(
                    f"expected a step of work to end within {self.stuck_after_s:g} s, one does not; try another cloud"
                )
            if not ledger.has_room(stream.peer):
                raise OverloadedError("expected fewer frames that wait for answers, got a new stream; try again later")
            self._places.enter(stream)
        except OverloadedError as error:
            error.retry_delay_s = ledger.retry_delay_s(stream.peer)
            _log.info("stream %s of %s refused: %s", stream_id, context.peer(), reason(error))
            raise

    def _identified(self, stream_id: str, context: Context) -> Identity:
        try:
            return self._identify(context)
        except IsthmusError as error:
            _log.info("stream %s of %s refused: %s", stream_id, context.peer(), reason(error))
            raise

    @staticmethod
    def _end(stream_id: str, context: Context, error: Exception) -> None:
        """Set the status that the stream ends with when its handler returns."""
        if not status.is_explained(error):
            _log.error("stream %s failed", stream_id, exc_info=error)
        tell_end(context, error)
