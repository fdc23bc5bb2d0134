"""Who is at the other end of a stream: a frozen value, made once as the stream comes in, that sharing out goes by.

Where nobody says who they are (`by_address`), a peer is the address it comes from, so that many connections of one
machine are one peer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

import grpc.aio

from isthmus.common.errors import InputError

# Of an IPv6 address, what a provider gives to one customer: whoever has it has all addresses in it.
IPV6_PREFIX_BITS = 64


@dataclass(frozen=True, slots=True)
class Quotas:
    """What one identity may have, all its streams together; 0 sets no bound.

    Attributes:
        streams: at a time.
        frames_per_s, pixels_per_s, bytes_per_s: in the long run. Pixels are work, as `isthmus.common.cost` counts
            it from headers; bytes are those of messages.
    """

    streams: int = 0
    frames_per_s: float = 0.0
    pixels_per_s: float = 0.0
    bytes_per_s: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            # Said so that nan, which is on no side of anything, is no quota.
            if not 0 <= getattr(self, name) < 1e15:
                raise InputError(f"{name}: expected 0 (no bound) or more, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Identity:
    """One peer, as the service knows it.

    Attributes:
        name: of the token or certificate, or the address. Peers of one name share queues and quotas.
        quotas: what it may have.
        codecs: patterns of the names of codecs that it may open (`image-*`); () for all.
        known_by: token, hashed, or certificate that it was let in with; "" where nobody asked for one.
    """

    name: str
    quotas: Quotas = Quotas()
    codecs: tuple[str, ...] = ()
    known_by: str = field(default="", repr=False)

    def may_open(self, codec: str) -> bool:
        """Whether a codec of that name is for this peer."""
        return not self.codecs or any(fnmatchcase(codec, pattern) for pattern in self.codecs)


Identify = Callable[[grpc.aio.ServicerContext[Any, Any]], Identity]
"""Who a call is of. Raises UnauthenticatedError where it must say so and does not."""


def by_address(context: grpc.aio.ServicerContext[Any, Any]) -> Identity:
    """The address that the call comes from, as its only name."""
    return Identity(address_of(context.peer()))


def address_of(peer: str) -> str:
    """The host of gRPC's word for a peer, without its port: "127.0.0.1" of "ipv4:127.0.0.1:4321".

    Of IPv6 it is the network of `IPV6_PREFIX_BITS`; of anything else, a socket file say, the word as it is.
    """
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, IPV6_PREFIX_BITS), strict=False))
