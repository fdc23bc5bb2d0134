"""Calls that no client of gRPC makes: HTTP/2 by hand, so that a message may begin and never end.

Just enough of RFC 9113 and of HPACK (literals without a table, RFC 7541 §6.2.2) for one request, and for the windows
that say how much may be sent.
"""

from __future__ import annotations

import asyncio
import struct
from typing import NoReturn

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
ACK, END_HEADERS = 1, 4
FRAME_BYTES = 16_384
FIRST_WINDOW = 65_535


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(body))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + body


def header_block(fields: tuple[tuple[str, str], ...]) -> bytes:
    """Fields, each a literal. Values are shorter than 127 bytes."""
    return b"".join(
        b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode() for name, value in fields
    )


async def unfinished(
    address: str, method: str, token: str, declared_bytes: int, sent_bytes: int, seconds: float
) -> None:
    """Begin a message of a size, send a part of it as the windows open, and hold the call until the time is over."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    fields = (
        *((":method", "POST"), (":scheme", "http"), (":path", method), (":authority", address)),
        *(("content-type", "application/grpc"), ("te", "trailers"), ("authorization", f"Bearer {token}")),
    )
    body = b"\x00" + struct.pack(">I", declared_bytes)
    try:
        writer.write(PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, header_block(fields)))
        writer.write(frame(DATA, 0, 1, body))
        await writer.drain()
        await asyncio.wait_for(_send(reader, writer, sent_bytes, len(body)), seconds)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return  # the other side has had enough, or we have
    finally:
        writer.close()


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int, sent: int) -> NoReturn:
    """Send as the windows open; ends when the other side does."""
    windows = {0: FIRST_WINDOW - sent, 1: FIRST_WINDOW - sent}
    while True:
        while sent < most and (size := min(FRAME_BYTES, *windows.values(), most - sent)) > 0:
            writer.write(frame(DATA, 0, 1, bytes(size)))
            await writer.drain()
            windows = {stream: left - size for stream, left in windows.items()}
            sent += size
        head = await reader.readexactly(9)
        size, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream, body = int.from_bytes(head[5:]), await reader.readexactly(size)
        if kind == WINDOW_UPDATE and stream in windows:
            windows[stream] += int.from_bytes(body)
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(body), 6):
                if int.from_bytes(body[at : at + 2]) == 4:
                    windows[1] += int.from_bytes(body[at + 2 : at + 6]) - FIRST_WINDOW
            writer.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            writer.write(frame(PING, ACK, 0, body))
