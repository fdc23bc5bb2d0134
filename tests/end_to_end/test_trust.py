"""Nobody gets in who should not: addresses, TLS, certificates that are renewed, tokens, quotas; the commands for it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny_codec
from support.command_line import isthmus

from isthmus.cloud.binding import Tls
from isthmus.cloud.development_authority import make_authority
from isthmus.cloud.server import ServerConfig, serve
from isthmus.codec import aconnect, connect, load
from isthmus.common.bits.packet import Packet
from isthmus.common.errors import (
    CloudUnreachableError,
    ForbiddenError,
    InputError,
    OverloadedError,
    UnauthenticatedError,
)
from isthmus.edge.access import Access
from isthmus.edge.client import CloudClient
from isthmus.edge.pointcloud.encoder import PointCloudEncoder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_authority(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> PointCloudEncoder:
    return PointCloudEncoder(zoo / "tiny-q1")


def tls(folder: Path, *, mutual: bool = False) -> Tls:
    return Tls(folder / "server.pem", folder / "server.key", folder / "ca.pem" if mutual else None)


def answered(encoder: PointCloudEncoder, address: str, access: Access) -> int:
    """Signals of one answer."""
    with CloudClient(address, encoder.manifest, access=access) as client:
        client.send(encoder.encode(tiny_codec.clouds(1)[0]).packet)
        return len(client.receive().value.signals)


def new_token(peers: Path, name: str, *words: str) -> Path:
    done = isthmus("token", "new", name, "--peers", peers, *words)
    assert done.exit_code == 0
    path = peers.with_name(f"{name}.token")
    path.write_text(done.stdout)
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_another_address_needs_tls_or_a_word(host: str, zoo: Path) -> None:
    with pytest.raises(InputError, match="expected TLS where other machines can come"):
        asyncio.run(serve(ServerConfig(zoo, host=host, port=0), lambda _: None, asyncio.Event()))


def test_an_edge_speaks_to_another_machine_over_tls_only(encoder: PointCloudEncoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected TLS to a cloud on another machine"):
        CloudClient("192.0.2.1:50051", encoder.manifest)
    (tmp_path / "token").write_text("isthmus_secret")
    with pytest.raises(InputError, match="expected TLS, or no token") as caught:
        CloudClient("192.0.2.1:50051", encoder.manifest, access=Access(token_file=tmp_path / "token", is_insecure=True))
    assert "secret" not in str(caught.value)


def test_tls_and_certificates_of_both(files: Path, zoo: Path, encoder: PointCloudEncoder) -> None:
    with tiny_codec.live_cloud(zoo, tls=tls(files, mutual=True)) as live:
        both = Access(authority=files / "ca.pem", certificate=files / "client.pem", key=files / "client.key")
        assert answered(encoder, live.address, both) == 1
        with pytest.raises(CloudUnreachableError):
            answered(encoder, live.address, Access(authority=files / "ca.pem"))
        with pytest.raises(CloudUnreachableError):
            answered(encoder, live.address, Access())


def test_a_strangers_cloud_is_not_spoken_to(files: Path, zoo: Path, encoder: PointCloudEncoder, tmp_path: Path) -> None:
    make_authority(tmp_path / "other")
    with (
        tiny_codec.live_cloud(zoo, tls=tls(tmp_path / "other")) as live,
        pytest.raises(CloudUnreachableError),
    ):
        answered(encoder, live.address, Access(authority=files / "ca.pem"))


def test_a_program_gets_in_as_well(files: Path, zoo: Path, peers: Path) -> None:
    token = new_token(peers, "program")
    codec = load(zoo / "tiny-q1")
    with tiny_codec.live_cloud(zoo, tls=tls(files), peers=peers) as live:
        with connect(live.address, codec, access=Access(authority=files / "ca.pem", token_file=token)) as cloud:
            assert cloud.ask(tiny_codec.clouds(1)[0]).value.best
        with pytest.raises(CloudUnreachableError), connect(live.address, codec):
            pass
    with pytest.raises(InputError, match="expected TLS to a cloud on another machine"):
        aconnect("192.0.2.1:50051", codec)


def served_certificate(address: str, authority: Path) -> bytes:
    context = ssl.create_default_context(cafile=str(authority))
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host) as tls:
        found = tls.getpeercert(binary_form=True)
    assert found is not None
    return found


def test_a_renewed_certificate_is_served_and_streams_go_on(
    zoo: Path, encoder: PointCloudEncoder, tmp_path: Path
) -> None:
    old, new, live_files = tmp_path / "old", tmp_path / "new", tmp_path / "live"
    make_authority(old)
    make_authority(new)
    shutil.copytree(old, live_files)
    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet
    with (
        tiny_codec.live_cloud(zoo, tls=tls(live_files)) as live,
        CloudClient(live.address, encoder.manifest, access=Access(authority=old / "ca.pem")) as client,
    ):
        client.send(packet)
        client.receive()
        served_certificate(live.address, old / "ca.pem")
        (live_files / "server.key").write_text("half of a key")
        served_certificate(live.address, old / "ca.pem")  # what does not fit together is not served
        for name in ("server.pem", "server.key"):
            shutil.copy(new / name, live_files / name)
        served_certificate(live.address, new / "ca.pem")
        client.send(packet)
        assert len(client.receive().value.signals) == 1  # the stream of before


@pytest.fixture
def peers(tmp_path: Path) -> Path:
    return tmp_path / "peers.json"


def test_tokens_are_needed_checked_revoked_and_new_ones_taken(
    zoo: Path, encoder: PointCloudEncoder, peers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = new_token(peers, "pole-1")
    with caplog.at_level("INFO"), tiny_codec.live_cloud(zoo, peers=peers) as live:
        assert answered(encoder, live.address, Access(token_file=first)) == 1
        with pytest.raises(UnauthenticatedError, match="neither token nor certificate"):
            answered(encoder, live.address, Access())
        with CloudClient(live.address, encoder.manifest) as client, pytest.raises(UnauthenticatedError):
            client.capabilities()
        second = new_token(peers, "pole-2")
        assert answered(encoder, live.address, Access(token_file=second)) == 1
        assert isthmus("token", "revoke", "pole-1", "--peers", peers).exit_code == 0
        with pytest.raises(UnauthenticatedError, match="a token that is not known here") as caught:
            answered(encoder, live.address, Access(token_file=first))
    told = isthmus("token", "list", "--peers", peers).output
    assert "pole-2" in told
    assert "pole-1" not in told
    for secret in (first.read_text().strip(), second.read_text().strip()):
        assert secret not in caplog.text + str(caught.value) + told + peers.read_text()


def talk_on(client: CloudClient[Any], packet: Packet) -> None:
    """Ten seconds of it."""
    for _ in range(200):
        client.send(packet)
        client.receive()
        time.sleep(0.05)


def test_a_live_stream_ends_when_its_token_is_revoked(zoo: Path, encoder: PointCloudEncoder, peers: Path) -> None:
    """That of another token goes on; a new token of the same name is another."""
    first, second = new_token(peers, "pole-1"), new_token(peers, "pole-2")
    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet
    with (
        tiny_codec.live_cloud(zoo, peers=peers) as live,
        CloudClient(live.address, encoder.manifest, access=Access(token_file=first)) as gone,
        CloudClient(live.address, encoder.manifest, access=Access(token_file=second)) as stays,
    ):
        gone.open()
        stays.open()
        isthmus("token", "revoke", "pole-1", "--peers", peers)
        new_token(peers, "pole-1")
        with pytest.raises(UnauthenticatedError, match="one that was let go since"):
            talk_on(gone, packet)
        stays.send(packet)
        assert len(stays.receive().value.signals) == 1


def test_an_identity_has_its_codecs_and_streams(zoo: Path, encoder: PointCloudEncoder, peers: Path) -> None:
    images = new_token(peers, "images", "--codecs", "image-*")
    one = new_token(peers, "one", "--streams", "1")
    with tiny_codec.live_cloud(zoo, peers=peers) as live:
        with pytest.raises(ForbiddenError, match="'tiny-q1': expected one that images may open"):
            answered(encoder, live.address, Access(token_file=images))
        with CloudClient(live.address, encoder.manifest, access=Access(token_file=images)) as client:
            assert client.capabilities().codecs == ()
        with CloudClient(live.address, encoder.manifest, access=Access(token_file=one)) as client:
            client.open()
            with pytest.raises(OverloadedError, match="at most 1 streams of one"):
                answered(encoder, live.address, Access(token_file=one))


def test_a_certificate_names_an_identity(files: Path, zoo: Path, encoder: PointCloudEncoder, peers: Path) -> None:
    assert isthmus("token", "new", "pole-3", "--certificate", "edge", "--peers", peers).stdout == ""
    access = Access(authority=files / "ca.pem", certificate=files / "client.pem", key=files / "client.key")
    with tiny_codec.live_cloud(zoo, tls=tls(files, mutual=True), peers=peers) as live:
        assert answered(encoder, live.address, access) == 1
        isthmus("token", "revoke", "pole-3", "--peers", peers)
        with pytest.raises(UnauthenticatedError, match="a certificate that is not known here"):
            answered(encoder, live.address, access)


def test_the_commands_of_the_page(tmp_path: Path, zoo: Path) -> None:
    """An authority, a token, and an edge as `docs/operate.md` types them."""
    made = isthmus("cloud", "--init-tls", tmp_path / "tls")
    cloud, edge = made.stdout.splitlines()
    assert cloud == f"isthmus cloud --tls-cert {tmp_path}/tls/server.pem --tls-key {tmp_path}/tls/server.key"
    assert isthmus("cloud", "--init-tls", tmp_path / "tls").exit_code == 2
    assert (tmp_path / "tls" / "server.key").stat().st_mode & 0o777 == 0o600
    token = new_token(tmp_path / "peers.json", "pole-1")
    np.save(tmp_path / "chair.npy", tiny_codec.clouds(1)[0].points)
    with tiny_codec.live_cloud(zoo, tls=tls(tmp_path / "tls"), peers=tmp_path / "peers.json") as live:
        words = edge.replace("FILES", str(tmp_path / "chair.npy")).replace("localhost:50051", live.address).split()[1:]
        done = isthmus(*words, "--token-file", token, "--codec", "tiny-q1", "--zoo", zoo, "--up", "z")
        assert done.exit_code == 0, done.output
        refused = isthmus(*words, "--codec", "tiny-q1", "--zoo", zoo, "--up", "z")
        assert refused.exit_code == 2
        assert "expected a peer that this cloud knows" in refused.output
