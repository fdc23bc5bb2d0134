"""`isthmus token`: who is let into a cloud, as a file that it reads again when it has changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame, print_note, table_console
from isthmus.command.options import Given, with_options
from isthmus.common.errors import InputError
from isthmus.common.options import option

Peers = Annotated[Path, typer.Option("--peers", metavar="FILE", help="Who is let in, for `isthmus cloud --peers`.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What logs call it.")]


@dataclass(frozen=True, slots=True)
class QuotaOptions:
    """What one peer may have."""

    panel: ClassVar[str] = "Quotas"
    streams: int = option(0, "Streams at a time; 0 sets no bound, here and below.", least=0)
    frames_per_s: float = option(0.0, "Frames a second.", least=0)
    pixels_per_s: float = option(0.0, "Pixels a second, or what is as much work.", least=0)
    bytes_per_s: float = option(0.0, "Bytes of messages a second.", least=0)
    codecs: str = option("", "Codecs that it may open, with commas between: image-*,vision-lite0-b5.", automatic="all")
    certificate: str = option("", "Name in its certificate; it has no token then.", metavar="NAME")


@command_frame
@with_options(QuotaOptions)
def new_token_command(name: Name, *, peers: Peers, given: Given) -> None:
    """Let a peer in; prints its token, which is said this once and kept nowhere."""
    from isthmus.cloud.identity import Identity, Quotas
    from isthmus.cloud.peers import Peer, new_token, read_peers, write_peers

    options = given.of(QuotaOptions)
    known = read_peers(peers) if peers.exists() else ()
    if any(peer.identity.name == name for peer in known):
        raise InputError(f"{peers}: expected a name that is free, got {name}; revoke it first, or choose another")
    quotas = Quotas(options.streams, options.frames_per_s, options.pixels_per_s, options.bytes_per_s)
    identity = Identity(name, quotas, tuple(filter(None, options.codecs.split(","))))
    token, digest = ("", "") if options.certificate else new_token()
    write_peers(peers, (*known, Peer(identity, digest, options.certificate)))
    if token:
        print(token)
        print_note("keep it in a file that only its owner reads, for `isthmus edge --token-file FILE`")


@command_frame
def list_tokens(*, peers: Peers) -> None:
    """Who is let in, and what each may have."""
    from isthmus.cloud.peers import read_peers
    from isthmus.measure.table import Table

    rows = []
    for peer in read_peers(peers):
        quotas = peer.identity.quotas
        numbers = (quotas.streams, quotas.frames_per_s, quotas.pixels_per_s, quotas.bytes_per_s)
        by = f"certificate {peer.certificate}" if peer.certificate else "token"
        shown = tuple(f"{number:g}" if number else "any" for number in numbers)
        rows.append((peer.identity.name, by, *shown, ", ".join(peer.identity.codecs) or "all"))
    columns = ("name", "by", "streams", "frames/s", "pixels/s", "bytes/s", "codecs")
    table_console().print(Table(f"{len(rows)} peers", columns, tuple(rows), texts=("by", "codecs")).to_rich())


@command_frame
def revoke_token(name: Name, *, peers: Peers) -> None:
    """Let a peer in no more: the cloud ends its streams, without a restart."""
    from isthmus.cloud.peers import read_peers, write_peers

    known = read_peers(peers)
    left = tuple(peer for peer in known if peer.identity.name != name)
    if len(left) == len(known):
        raise InputError(f"{peers}: expected a peer of it, got {name!r:.80}; `isthmus token list` names them")
    write_peers(peers, left)
