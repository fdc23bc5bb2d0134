"""Where a cloud listens, and behind which TLS: nothing but loopback without it, unless that is asked for by name.

Theory of operation. gRPC asks for the certificate at every handshake (`dynamic_ssl_server_credentials`); what it
gets is read again when one of the files has changed. So a renewed certificate is served to whoever connects next, and
streams that are live keep the connection that they have. Files that are being replaced, or do not fit together, are an
error in the log, and the last ones that did fit go on being served.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from isthmus.cloud.stamp import Stamp, stamp_of
from isthmus.common.errors import InputError
from isthmus.common.loopback import is_loopback

_log = logging.getLogger("isthmus.cloud")


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a cloud's TLS, PEM each.

    Attributes:
        certificate: of the cloud, with those between it and its authority.
        key: of the certificate.
        client_authority: whoever has no certificate of it is not let in; None asks for no certificate.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None


class Certificates:
    """The files as they were when they last fitted together; `changed` is called by gRPC's threads.

    Raises:
        InputError: one cannot be read.
    """

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._stamp = self._stamped()
        self.first = self._read()

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The configuration for the next handshake; None where it is still the last one."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return None
            found = self._read()
        except (InputError, OSError) as error:
            _log.error("TLS: the certificates of before stay: %s", error)
            return None
        self._stamp = stamp
        _log.info("TLS: certificates read again")
        return found

    def _paths(self) -> list[Path]:
        return [path for path in (self._tls.certificate, self._tls.key, self._tls.client_authority) if path is not None]

    def _stamped(self) -> list[Stamp]:
        return [stamp_of(path, "a PEM file") for path in self._paths()]

    def _read(self) -> grpc.ServerCertificateConfiguration:
        import ssl

        tls = self._tls
        try:
            # It says what does not fit, which gRPC keeps to itself; OpenSSL never asks for a passphrase here.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=lambda: b"")
            authority = None if tls.client_authority is None else tls.client_authority.read_bytes()
            pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
        except (ssl.SSLError, OSError, ValueError) as error:
            raise InputError(
                f"{tls.certificate}, {tls.key}: expected a certificate and its key in PEM, without a passphrase: "
                f"{os.strerror(error.errno) if isinstance(error, FileNotFoundError) and error.errno else error}"
            ) from error
        return grpc.ssl_server_certificate_configuration([pair], authority)


def bind(server: grpc.aio.Server, host: str, port: int, tls: Tls | None, *, is_insecure: bool = False) -> int:
    """Listen; the port that was taken.

    Args:
        server: not started yet.
        host, port: port 0 takes a free one.
        tls: None for none.
        is_insecure: whether other machines may come without TLS.

    Raises:
        InputError: another machine could come without TLS and that was not asked for, the files of TLS cannot be used,
            or the port is taken.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if tls is None and not is_loopback(host):
        if not is_insecure:
            raise InputError(
                f"{address}: expected TLS where other machines can come, got none: say --tls-cert and --tls-key "
                "(`isthmus cloud --init-tls DIR` makes both), or --insecure"
            )
        _log.warning("%s: anybody on the way can read and change what is sent: there is no TLS", address)
    try:
        if tls is None:
            return int(server.add_insecure_port(address))
        certificates = Certificates(tls)
        credentials = grpc.dynamic_ssl_server_credentials(
            certificates.first,
            certificates.changed,  # type: ignore[arg-type]  # None stands for no change, which the stubs do not say
            require_client_authentication=tls.client_authority is not None,
        )
        return int(server.add_secure_port(address, credentials))
    except RuntimeError as error:
        raise InputError(
            f"{address}: expected a free port of this machine, cannot listen there; is another cloud running? "
            "Choose another port, or take any free one with: --port 0"
        ) from error
