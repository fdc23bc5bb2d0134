"""Who a call is of: by its bearer token, by its certificate, else by its address where nobody has to say.

The file of peers is looked at for every call and read again when it has changed, so a token that is revoked opens no
stream any more, and one that is new does, without a restart; the server asks now and then whether the gate `knows`
those whose streams are live. A file that cannot be read leaves the last peers in force.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc.aio

from isthmus.cloud.identity import Identity, by_address
from isthmus.cloud.peers import Peer, of_certificate, of_token, read_peers
from isthmus.cloud.stamp import stamp_of
from isthmus.common.errors import InputError, UnauthenticatedError

TOKEN_KEY, SCHEME = "authorization", "bearer "
_NAME_PROPERTIES = ("x509_common_name", "x509_subject_alternative_name")

_log = logging.getLogger("isthmus.cloud")


class Gate:
    """Lets in whom a file of peers names; `identify` is an `isthmus.cloud.identity.Identify`.

    Args:
        path: of the file; None lets in everybody who can connect.

    Raises:
        InputError: the file cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp = None if path is None else stamp_of(path, "a file of peers")
        self._peers: tuple[Peer, ...] = () if path is None else read_peers(path)

    def identify(self, context: grpc.aio.ServicerContext[Any, Any]) -> Identity:
        """Who a call is of. UnauthenticatedError where it does not say so and must."""
        names = _certificate_names(context)
        if self._path is None:
            return Identity(names[0]) if names else by_address(context)
        self._refresh(self._path)
        token = _token(context)
        peer = of_token(self._peers, token) if token else of_certificate(self._peers, names)
        if peer is None:
            got = "a token" if token else "a certificate" if names else "neither token nor certificate"
            known = f"got {got} that is not known here" if token or names else f"got {got}"
            raise UnauthenticatedError(
                f"expected a peer that this cloud knows, {known}; say a token with --token-file or ISTHMUS_TOKEN"
            )
        return replace(peer.identity, known_by=peer.known_by)

    @property
    def is_open(self) -> bool:
        """Whether everybody is let in who can connect."""
        return self._path is None

    def knows(self, identity: Identity) -> bool:
        """Whether a peer that was let in would be let in now, as the same one."""
        if self._path is None:
            return True
        self._refresh(self._path)
        return any(p.identity.name == identity.name and p.known_by == identity.known_by for p in self._peers)

    def _refresh(self, path: Path) -> None:
        try:
            stamp = stamp_of(path, "a file of peers")
            if stamp == self._stamp:
                return
            self._peers = read_peers(path)
        except InputError as error:
            _log.error("the peers of before stay: %s", error)
            return
        self._stamp = stamp
        _log.info("%s: read again, %d peers", path, len(self._peers))


def _token(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == TOKEN_KEY and isinstance(value, str) and value[: len(SCHEME)].lower() == SCHEME:
            return value[len(SCHEME) :].strip()
    return ""


def _certificate_names(context: grpc.aio.ServicerContext[Any, Any]) -> list[str]:
    """The common name of the client's certificate, which gRPC has verified, and its others; [] without one."""
    told = context.auth_context()
    return [name.decode("utf-8", "replace") for key in _NAME_PROPERTIES for name in told.get(key, ())]
