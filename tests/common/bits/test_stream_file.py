"""Stream files: what is written is read, cut files are refused with the byte, and nothing is read ahead."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.stream_file import StreamHeader, StreamReader, StreamWriter
from isthmus.common.errors import InputError, IsthmusError, LimitExceededError, PacketError, UnsupportedVersionError
from isthmus.common.limits import Limits

HEADER = StreamHeader("golden-tree", bytes(range(32)))


def written(*packets: Packet) -> bytes:
    file = io.BytesIO()
    writer = StreamWriter(file, HEADER)
    sizes = [writer.write(packet) for packet in packets]
    assert sum(sizes) == len(file.getvalue()) - len(HEADER.to_bytes())
    return file.getvalue()


def packet(section: bytes) -> Packet:
    return Packet(PacketType.INTRA, (section,))


class SlowFile(io.BytesIO):
    """Gives a byte at a time, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 1) if size is not None and size > 0 else size)


@given(st.lists(st.one_of(st.binary(max_size=5), st.just(bytes(130))), max_size=5))
def test_round_trip_whole_and_byte_by_byte(sections: list[bytes]) -> None:
    packets = [packet(section) for section in sections]
    data = written(*packets)
    for kind in (io.BytesIO, SlowFile):
        reader = StreamReader(kind(data))
        assert reader.header == HEADER
        assert list(reader) == packets
        assert reader.position == len(data)


def test_the_header_costs_what_the_page_says() -> None:
    assert len(HEADER.to_bytes()) == 4 + 1 + 1 + 11 + 32 + 4


def test_every_cut_is_refused_or_lies_between_records() -> None:
    first, second = packet(b"\x01\x02\x03"), packet(bytes(200))
    data = written(first, second)
    whole = {len(HEADER.to_bytes()), len(HEADER.to_bytes()) + 5, len(data)}
    for size in range(len(data) + 1):
        if size in whole:
            list(StreamReader(io.BytesIO(data[:size])))
            continue
        with pytest.raises(PacketError, match=r"at byte \d+"):
            list(StreamReader(io.BytesIO(data[:size])))


def test_nothing_is_read_ahead() -> None:
    file = io.BytesIO(written(packet(b"a"), packet(b"b")))
    reader = StreamReader(file)
    assert next(reader) == packet(b"a")
    assert file.tell() == reader.position == len(HEADER.to_bytes()) + 3


def test_an_oversized_record_is_not_read() -> None:
    file = io.BytesIO(written(packet(bytes(100))))
    reader = StreamReader(file, Limits(max_packet_size_bytes=50))
    with pytest.raises(LimitExceededError, match="record at byte 53: expected at most 50 bytes, got 101"):
        next(reader)
    assert file.tell() == 54


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, has_header: bool) -> None:
    data = HEADER.to_bytes() + data if has_header else data
    try:
        reader = StreamReader(io.BytesIO(data))
        packets = list(reader)
    except IsthmusError as error:
        assert isinstance(error, PacketError | LimitExceededError | UnsupportedVersionError)  # noqa: PT017
        return
    assert written(*packets) == data


@pytest.mark.parametrize(
    ("name", "identity"), [("", bytes(32)), ("A", bytes(32)), ("a", bytes(31)), ("a" * 65, bytes(32))]
)
def test_invalid_headers_are_this_sides_mistake(name: str, identity: bytes) -> None:
    with pytest.raises(InputError, match="stream header"):
        StreamHeader(name, identity)
