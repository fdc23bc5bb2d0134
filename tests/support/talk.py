"""One stream of raw messages, as a gRPC client without this project would send them."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2, status_pb2

from isthmus.common import protocol, wire
from isthmus.common.status import DETAILS_KEY

TIMEOUT_S = 15.0
METHOD = "/isthmus.v1.InferenceService/StreamInference"


class Talk:
    """One stream of raw messages: what came back, and how it ended."""

    def __init__(self, channel: grpc.Channel, messages: list[bytes]) -> None:
        call = channel.stream_stream(METHOD, None, None)(iter(messages), timeout=TIMEOUT_S)
        self.responses: list[bytes] = []
        self.code, self.reason, self.message, self.expected, self.actual = grpc.StatusCode.OK, "", "", "", ""
        self.retry_s = 0.0
        try:
            for data in call:
                self.responses.append(data)
        except grpc.RpcError:
            self.code = call.code()
            self.message = call.details()
            told = status_pb2.Status.FromString(dict(call.trailing_metadata()).get(DETAILS_KEY, b""))
            for detail in told.details:
                info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    self.reason = info.reason
                    self.expected, self.actual = info.metadata["expected"], info.metadata["actual"]
                elif detail.Unpack(retry):
                    self.retry_s = retry.retry_delay.ToMilliseconds() / 1000

    @property
    def outcomes(self) -> list[protocol.Outcome]:
        found: list[protocol.Outcome] = []
        for data in self.responses[1:]:
            results = wire.read_response(data)
            assert isinstance(results, protocol.Results)
            found += results.outcomes
        return found
