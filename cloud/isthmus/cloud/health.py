"""gRPC's health service, `grpc.health.v1.Health`, with bounds: how many ask at a time, how much, and for how long.

Its messages are read as bytes, as those of the other service are. Health answers everybody who can connect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2

from isthmus.cloud.calls import Calls
from isthmus.cloud.identity import address_of
from isthmus.cloud.told import Context, tell_end
from isthmus.common.errors import DeadlineError, IsthmusError, LimitExceededError, MessageError

HEALTH_SERVICE = "grpc.health.v1.Health"

MAX_REQUEST_BYTES, REQUEST_TIMEOUT_S = 256, 10.0
_STATES = health_pb2.HealthCheckResponse


class Health:
    """Whether each of some services serves.

    Args:
        services: their names; "" stands for the whole server.
        calls: in which these calls are counted.
    """

    def __init__(self, services: tuple[str, ...], calls: Calls) -> None:
        self._serves = dict.fromkeys(services, False)
        self._calls = calls
        self._changed = asyncio.Condition()
        self._is_over = False

    async def set(self, *, serves: bool) -> None:
        """From now on all services serve, or none does. Nothing after `end`."""
        if self._is_over:
            return
        async with self._changed:
            self._serves = dict.fromkeys(self._serves, serves)
            self._changed.notify_all()

    async def end(self) -> None:
        """None serves any more."""
        await self.set(serves=False)
        self._is_over = True

    def handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        """What `grpc.aio.Server.add_generic_rpc_handlers` takes."""
        return grpc.method_handlers_generic_handler(
            HEALTH_SERVICE,
            {
                # As streams of one message each: the request of another kind of call is read before anybody is asked.
                "Check": grpc.stream_stream_rpc_method_handler(self._bounded(self._check)),
                "Watch": grpc.stream_stream_rpc_method_handler(self._bounded(self._watch)),
            },
        )

    def _bounded(
        self, answer: Callable[[str, Context], Awaitable[None]]
    ) -> Callable[[object, Context], Awaitable[None]]:
        async def call(_requests: object, context: Context) -> None:
            try:
                with self._calls.entered(address_of(context.peer())):
                    await answer(await _asked(context), context)
            except IsthmusError as error:
                tell_end(context, error)

        return call

    async def _check(self, service: str, context: Context) -> None:
        if service not in self._serves:
            await context.abort(grpc.StatusCode.NOT_FOUND, "expected a service that is here")
        await context.write(self._state(service).SerializeToString())

    async def _watch(self, service: str, context: Context) -> None:
        told = None
        while True:
            state = self._state(service)
            if state != told:
                await context.write(state.SerializeToString())
                told = state
                continue  # it may have changed meanwhile
            async with self._changed:
                await self._changed.wait()

    def _state(self, service: str) -> health_pb2.HealthCheckResponse:
        serves = self._serves.get(service)
        if serves is None:
            return _STATES(status=_STATES.SERVICE_UNKNOWN)
        return _STATES(status=_STATES.SERVING if serves else _STATES.NOT_SERVING)


async def _asked(context: Context) -> str:
    """The service that a call asks for."""
    try:
        data = await asyncio.wait_for(context.read(), REQUEST_TIMEOUT_S)
    except TimeoutError:
        raise DeadlineError(f"health: expected a request within {REQUEST_TIMEOUT_S:g} s, got none") from None
    if not isinstance(data, bytes):
        raise MessageError("health: expected a request, got its end")
    if len(data) > MAX_REQUEST_BYTES:
        raise LimitExceededError(f"health: expected at most {MAX_REQUEST_BYTES} bytes, got {len(data)}")
    try:
        return str(health_pb2.HealthCheckRequest.FromString(data).service)
    except Exception as error:  # protobuf's own
        raise MessageError("health: expected a HealthCheckRequest, got something else") from error
