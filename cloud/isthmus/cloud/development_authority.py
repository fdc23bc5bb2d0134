"""A certificate authority for trying TLS out: its certificate, one of a cloud, one of a client, in a new folder.

It signs for a month and its key lies beside the rest, so it is for development; an operator has an authority.
Needs the package `cryptography` (extra `cloud`).
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.whole_file import PRIVATE, write_whole

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

DAYS = 30
CLIENT_NAME = "edge"
AUTHORITY_FILE, SERVER_FILE, SERVER_KEY_FILE = "ca.pem", "server.pem", "server.key"
CLIENT_FILE, CLIENT_KEY_FILE = "client.pem", "client.key"
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def make_authority(folder: Path, names: Sequence[str] = ()) -> None:
    """Write the five files and the authority's key.

    Args:
        folder: made if need be; none of the files may be there.
        names: of the cloud, hosts or addresses, beside those of loopback.

    Raises:
        InputError: a file is there, or cannot be written.
        MissingDependencyError: `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise MissingDependencyError(
            'certificates need the package cryptography: pip install "isthmus[cloud]"'
        ) from error
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: expected a place to make a folder: {error.strerror or error}") from error
    taken = [name for name in (AUTHORITY_FILE, SERVER_FILE, CLIENT_FILE) if (folder / name).exists()]
    if taken:
        raise InputError(f"{folder}: expected a folder without certificates, got {', '.join(taken)}; name another")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    authority = _signed("Isthmus development", keys[0], None, keys[0], ())
    server = _signed("isthmus cloud", keys[1], authority, keys[0], tuple(dict.fromkeys((*LOCAL_NAMES, *names))))
    client = _signed(CLIENT_NAME, keys[2], authority, keys[0], (CLIENT_NAME,))
    files = ((AUTHORITY_FILE, "ca.key"), (SERVER_FILE, SERVER_KEY_FILE), (CLIENT_FILE, CLIENT_KEY_FILE))
    for (file, key_file), key, made in zip(files, keys, (authority, server, client), strict=True):
        write_whole(folder / key_file, _key_pem(key), PRIVATE)
        write_whole(folder / file, _pem(made))


def _signed(
    name: str,
    key: EllipticCurvePrivateKey,
    authority: x509.Certificate | None,
    authority_key: EllipticCurvePrivateKey,
    names: tuple[str, ...],
) -> x509.Certificate:
    """A certificate of a key; of the authority itself where that is None."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if names:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if names == (CLIENT_NAME,) else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(made: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
