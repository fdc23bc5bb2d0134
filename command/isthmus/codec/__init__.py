"""Isthmus from Python: load a codec, encode and decode with it, send signals to a cloud.

    from isthmus.codec import load

    codec = load("image-light-q4")      # a name in the zoo, or a folder
    coded = codec.encode("photo.jpg")   # a path, an array, or a signal
    print(coded.packet_bits, codec.decode(coded.packet))

Importing this is light: networks, readers and gRPC come when something first needs them, so an edge never loads the
cloud, and nothing here loads torch.
"""

from __future__ import annotations

from isthmus.codec.async_connection import AsyncConnection, aconnect
from isthmus.codec.choice import default_codec
from isthmus.codec.codec import Codec, CodecStream, load
from isthmus.codec.connection import Connection, connect
from isthmus.codec.exchange import Result
from isthmus.codec.inspection import CodecInspection, PacketInspection
from isthmus.codec.listing import CodecRow, codecs
from isthmus.codec.values import NamedLabel, NamedLabels
from isthmus.edge.access import Access

__all__ = [
    "Access",
    "AsyncConnection",
    "Codec",
    "CodecInspection",
    "CodecRow",
    "CodecStream",
    "Connection",
    "NamedLabel",
    "NamedLabels",
    "PacketInspection",
    "Result",
    "aconnect",
    "codecs",
    "connect",
    "default_codec",
    "load",
]
