"""How an edge gets into a cloud: behind which TLS, and with which token.

The files are read when a connection is made, the token when a call is: what is renewed is used by the next. A token
goes over TLS, or over loopback (a tunnel begins there), and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.common.errors import InputError
from isthmus.common.loopback import is_loopback

if TYPE_CHECKING:
    import grpc

TOKEN_VARIABLE = "ISTHMUS_TOKEN"
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Access:
    """What an edge needs to get in.

    Attributes:
        has_tls: whether the cloud has a certificate that this system's authorities have signed.
        authority: PEM file of the authority that has signed it instead, None for the system's.
        certificate, key: PEM files of this edge's own certificate, both or neither.
        token_file: holds this edge's token; None for the environment's ISTHMUS_TOKEN, if that is set.
        is_insecure: whether a cloud on another machine may be spoken to without TLS.
    """

    has_tls: bool = False
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token_file: Path | None = None
    is_insecure: bool = False

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InputError("expected a certificate and its key, got one of them; say --tls-cert and --tls-key")

    @property
    def is_behind_tls(self) -> bool:
        """Whether a connection is encrypted."""
        return self.has_tls or self.authority is not None or self.certificate is not None

    def check(self, address: str) -> None:
        """Whether a cloud at that address may be spoken to.

        Raises:
            InputError: it is on another machine, and neither TLS nor its absence was asked for, or there is a token.
        """
        if self.is_behind_tls or is_loopback(address.rpartition(":")[0]):
            return
        if not self.is_insecure:
            raise InputError(
                f"{address}: expected TLS to a cloud on another machine, got none: say --tls, or --ca FILE for an "
                "authority of your own, or --insecure"
            )
        if self._token_source() is not None:
            raise InputError(f"{address}: expected TLS, or no token: without TLS anybody on the way could take it")

    def channel(self, address: str, options: list[tuple[str, int]]) -> grpc.Channel:
        """A connection.

        Raises:
            InputError: a file cannot be read, or as of `check`.
        """
        import grpc  # which whoever only says how to get in does not need

        from isthmus.edge.bearer import Bearer

        self.check(address)
        if self.is_behind_tls:
            credentials = grpc.ssl_channel_credentials(
                *(None if path is None else _read(path) for path in (self.authority, self.key, self.certificate))
            )
            channel = grpc.secure_channel(address, credentials, options)
        else:
            channel = grpc.insecure_channel(address, options)
        token = self._token_source()
        return channel if token is None else grpc.intercept_channel(channel, Bearer(token))

    def _token_source(self) -> Callable[[], str] | None:
        if (path := self.token_file) is not None:
            return lambda: _checked(_read(path).decode("utf-8", "replace"), str(path))
        if os.environ.get(TOKEN_VARIABLE):
            return lambda: _checked(os.environ[TOKEN_VARIABLE], TOKEN_VARIABLE)
        return None


NO_ACCESS = Access()
"""To a cloud on this machine."""


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: expected a readable file: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{path}: expected at most {MAX_FILE_BYTES} bytes, got more")
    return data


def _checked(text: str, where: str) -> str:
    """A token; the message does not say it."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"{where}: expected one token, got something else")
    return token
