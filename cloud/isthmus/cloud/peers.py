"""The peers that a cloud lets in, as a file of JSON: each by a token or by a certificate, with quotas and codecs.

A token is 256 random bits, so its SHA-256 is all that is kept: nobody finds one by trying, and a slow or salted hash,
which passwords need since they can be guessed, would add nothing. What is presented is hashed and compared with every
entry in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from isthmus.cloud.identity import Identity, Quotas
from isthmus.common.errors import InputError
from isthmus.common.whole_file import PRIVATE, whole_file

TOKEN_PREFIX = "isthmus_"
"""So that scanners of leaked secrets know one."""
TOKEN_BYTES = 32
MAX_FILE_BYTES = 8 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_QUOTAS = tuple(f.name for f in fields(Quotas))


@dataclass(frozen=True, slots=True)
class Peer:
    """One that is let in.

    Attributes:
        identity: what the service knows it as.
        token_sha256: of its token, in hex; "" where a certificate names it.
        certificate: common name or alternative name of its certificate; "" where it has a token.
    """

    identity: Identity
    token_sha256: str = ""
    certificate: str = ""

    def __post_init__(self) -> None:
        name = self.identity.name
        if not _NAME.fullmatch(name):
            raise InputError(f"name: expected up to 64 of A-Z, a-z, 0-9, '.', '_', '-', got {name!r:.80}")
        if bool(self.token_sha256) == bool(self.certificate):
            raise InputError(f"{name}: expected a token or a certificate's name, got both or neither")
        if self.token_sha256 and not _SHA256.fullmatch(self.token_sha256):
            raise InputError(f"{name}: expected token_sha256 as 64 hex digits")

    @property
    def known_by(self) -> str:
        """What it is let in with, in one word."""
        return self.token_sha256 or f"certificate {self.certificate}"


def new_token() -> tuple[str, str]:
    """(a token, what is kept of it)."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    return token, token_sha256(token)


def token_sha256(token: str) -> str:
    """What is kept of a token, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def of_token(peers: Iterable[Peer], token: str) -> Peer | None:
    """Whose token that is; every entry is compared, so that the time says nothing."""
    digest, found = token_sha256(token), None
    for peer in peers:
        if hmac.compare_digest(peer.token_sha256, digest):
            found = peer
    return found


def of_certificate(peers: Iterable[Peer], names: Iterable[str]) -> Peer | None:
    """Whose certificate has one of these names."""
    known = set(names)
    return next((peer for peer in peers if peer.certificate and peer.certificate in known), None)


def read_peers(path: Path) -> tuple[Peer, ...]:
    """The peers of a file. InputError if it is none, or a name is there twice."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        document = json.loads(data)
    except OSError as error:
        raise InputError(f"{path}: expected a file of peers: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected a file of peers in JSON: {error}") from error
    entries = document.get("peers") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: expected an object with a list of peers")
    try:
        peers = tuple(map(_peer_of, entries))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if len({peer.identity.name for peer in peers}) < len(peers):
        raise InputError(f"{path}: expected each name once")
    return peers


def write_peers(path: Path, peers: Iterable[Peer]) -> None:
    """Write a file that only its owner reads; whole, so that a cloud that reads it meanwhile finds one or the other."""
    text = json.dumps({"peers": [_entry_of(peer) for peer in peers]}, indent=1)
    with whole_file(path, PRIVATE, is_synced=True) as file:
        file.write(f"{text}\n".encode())


def _peer_of(entry: Mapping[str, Any]) -> Peer:
    unknown = set(entry) - {"name", "token_sha256", "certificate", "codecs", *_QUOTAS}
    if unknown:
        raise InputError(f"peer: expected no field {sorted(unknown)[0]!r:.80}")
    texts = {key: entry.get(key, "") for key in ("name", "token_sha256", "certificate")}
    codecs, numbers = entry.get("codecs", []), {key: entry[key] for key in _QUOTAS if key in entry}
    is_sound = all(isinstance(text, str) for text in texts.values()) and isinstance(codecs, list)
    is_sound = is_sound and all(isinstance(codec, str) for codec in codecs)
    if not is_sound or not all(type(number) in (int, float) for number in numbers.values()):
        raise InputError(f"peer {texts['name']!r:.80}: expected texts, a list of codecs, and numbers")
    identity = Identity(texts["name"], Quotas(**numbers), tuple(codecs))
    return Peer(identity, texts["token_sha256"], texts["certificate"])


def _entry_of(peer: Peer) -> dict[str, object]:
    quotas = {key: getattr(peer.identity.quotas, key) for key in _QUOTAS if getattr(peer.identity.quotas, key)}
    how = {"token_sha256": peer.token_sha256} if peer.token_sha256 else {"certificate": peer.certificate}
    codecs = {"codecs": list(peer.identity.codecs)} if peer.identity.codecs else {}
    return {"name": peer.identity.name, **how, **quotas, **codecs}
