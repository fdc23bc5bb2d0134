"""The file of peers: what is kept of a token, what is refused, and that it goes to and fro."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus.cloud.identity import Identity, Quotas
from isthmus.cloud.peers import Peer, new_token, of_certificate, of_token, read_peers, write_peers
from isthmus.common.errors import InputError


def test_a_file_both_ways_holds_no_token(tmp_path: Path) -> None:
    token, digest = new_token()
    path = tmp_path / "peers.json"
    quotas = Quotas(streams=2, bytes_per_s=1e6)
    peers = (
        Peer(Identity("pole-1", quotas, ("image-*",)), digest),
        Peer(Identity("pole-2"), certificate="pole.example"),
    )
    write_peers(path, peers)
    assert read_peers(path) == peers
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(token) > 43  # 256 bits in base64
    assert of_token(peers, token) == peers[0]
    assert of_token(peers, token + "x") is None
    assert of_token(peers, "") is None  # though a peer without a token has no digest
    assert of_certificate(peers, ["other", "pole.example"]) == peers[1]
    assert of_certificate(peers, [""]) is None


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "a\x1b", "token_sha256": DIGEST}, "name: expected up to 64"),
        ({"name": "a"}, "a token or a certificate's name"),
        ({"name": "a", "token_sha256": DIGEST, "certificate": "b"}, "a token or a certificate's name"),
        ({"name": "a", "token_sha256": "secret"}, "token_sha256 as 64 hex digits"),
        ({"name": "a", "token_sha256": DIGEST, "stream": 1}, "expected no field 'stream'"),
        ({"name": "a", "token_sha256": DIGEST, "streams": -1}, "streams: expected 0"),
        ({"name": "a", "token_sha256": DIGEST, "streams": True}, "and numbers"),
        ({"name": "a", "token_sha256": DIGEST, "codecs": "image-*"}, "a list of codecs"),
        ({"name": 1, "token_sha256": DIGEST}, "expected texts"),
    ],
)
def test_a_peer_that_is_none(entry: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text(json.dumps({"peers": [entry]}))
    with pytest.raises(InputError, match=message):
        read_peers(path)


@pytest.mark.parametrize("text", ["", "[]", '{"peers": 1}', '{"peers": [1]}', "[" * 100_000])
def test_a_file_that_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"peers\.json: expected"):
        read_peers(path)


def test_each_name_once(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    write_peers(path, [Peer(Identity("a"), DIGEST), Peer(Identity("a"), DIGEST)])
    with pytest.raises(InputError, match="each name once"):
        read_peers(path)
