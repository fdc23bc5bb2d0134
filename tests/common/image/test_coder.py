"""Coding of image latents: round trips, the exact choice of tables, and every kind of damage."""

import itertools
import resource
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_image_coder
from support.golden_images import golden_image_coder

from isthmus.common.bits import context, range_coder
from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import INT32_MAX, INT32_MIN, Symbols
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import (
    InputError,
    LimitExceededError,
    ManifestError,
    PacketError,
    SymbolMismatchError,
)
from isthmus.common.image import choice as image_choice
from isthmus.common.image.coder import ImageCoder
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.image.symbols import CodedImage, ImageSymbols
from isthmus.common.image.tables import ImageTables
from isthmus.common.limits import Limits

REFUSED = (PacketError, LimitExceededError, SymbolMismatchError)
LIMITS = Limits(4096, 20_000, 1)
Coded = tuple[ImageCoder, CodedImage]


def code(
    coder: ImageCoder,
    height: int,
    width: int,
    adaptation: Adaptation,
    *,
    scale: float = 2.0,
    seed: int = 0,
    **more: Any,
) -> CodedImage:
    """A packet of noise."""
    manifest = coder.manifest
    rng = np.random.default_rng(seed)
    if manifest.hyper_channels:
        more["z"] = rng.integers(-2, 3, manifest.hyper_shape(height, width)).astype(np.int32)
    if adaptation is Adaptation.SYNTHESIZED:
        more["q"] = rng.integers(-3, 4, (tiny_image_coder.SIDE_CHANNELS, manifest.bins // 8)).astype(np.int32)
    y = tiny_image_coder.latents(manifest.latent_shape(height, width), scale, seed)
    return coder.encode(y, height, width, adaptation=adaptation, **more)


def assert_same(actual: ImageSymbols, expected: ImageSymbols) -> None:
    assert (actual.height, actual.width, actual.adaptation) == (expected.height, expected.width, expected.adaptation)
    for name in ("y", "q", "z"):
        assert np.array_equal(getattr(actual, name), getattr(expected, name)), name
    assert actual.count == expected.count


CASES: list[tuple[dict[str, Any], Adaptation]] = [
    ({}, Adaptation.STATIC),
    ({}, Adaptation.CHOSEN),
    ({}, Adaptation.AUTO),
    ({"bins": 16}, Adaptation.SYNTHESIZED),
    ({"bins": 16}, Adaptation.AUTO),
    ({"hyper": True}, Adaptation.STATIC),
    ({"hyper": True}, Adaptation.CHOSEN),
    ({"context": True}, Adaptation.CONTEXT),
    ({"context": True}, Adaptation.AUTO),
]


@pytest.mark.parametrize(("options", "adaptation"), CASES)
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (65, 130), (200, 9)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 9.0, 1e6])
def test_round_trip(options: dict[str, Any], adaptation: Adaptation, size: tuple[int, int], scale: float) -> None:
    coder = tiny_image_coder.coder(**options)
    coded = code(coder, *size, adaptation, scale=scale)
    data = coded.packet.to_bytes()
    symbols = coder.decode(data)
    assert_same(symbols, coded.symbols)
    assert len(coded.packet.checksum) == 2
    assert coded.packet_bits == 8 * len(data)
    assert tiny_image_coder.again(coder, symbols, 2) == data


@settings(max_examples=60)
@given(
    st.sampled_from(CASES),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.floats(0, 20),
    st.sampled_from([0, 2, 4]),
    st.integers(0, 2**32 - 1),
)
def test_what_is_decoded_encodes_to_the_same_bytes(
    case: tuple[dict[str, Any], Adaptation], size: tuple[int, int], scale: float, checksum_size_bytes: int, seed: int
) -> None:
    coder = tiny_image_coder.coder(seed=seed % 7, **case[0])
    coded = code(coder, *size, case[1], scale=scale, seed=seed, checksum_size_bytes=checksum_size_bytes)
    symbols = coder.decode(coded.packet.to_bytes())
    assert_same(symbols, coded.symbols)
    assert tiny_image_coder.again(coder, symbols, checksum_size_bytes) == coded.packet.to_bytes()


@pytest.mark.parametrize(("options", "adaptation"), CASES)
@pytest.mark.parametrize("scale", [0.5, 4.0, 100.0])
def test_estimated_bits_are_those_coded(options: dict[str, Any], adaptation: Adaptation, scale: float) -> None:
    coder = tiny_image_coder.coder(16, **options)
    coded = code(coder, 512, 300, adaptation, scale=scale)
    sizes = 8 * len(encode_varint(512) + encode_varint(300))
    over = coded.payload_bits - sizes - coded.estimated_bits
    assert -2 < over < 24 + 1e-6 * coded.estimated_bits
    assert 0 <= coded.side_bits < coded.payload_bits


def test_estimated_bits_agree_with_the_tables_own() -> None:
    coder = tiny_image_coder.coder()
    y = tiny_image_coder.latents((4, 5, 6), 30)
    y[0, 0, 0], y[1, 0, 0], y[2, 4, 5] = INT32_MIN, INT32_MAX, 7
    tables = np.repeat(coder.tables.first_table[:-1], 30)
    expected = coder.tables.tables.bits(y.ravel(), tables).sum()
    coded = coder.encode(y, 80, 96, adaptation=Adaptation.STATIC)
    assert coded.estimated_bits == pytest.approx(expected, abs=1e-6)
    assert (coder.decode(coded.packet.to_bytes()).y == y).all()


@pytest.mark.parametrize("hyper", [False, True])
def test_counting_in_pieces_changes_nothing(hyper: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    coder = tiny_image_coder.coder(7, hyper=hyper)
    whole = code(coder, 100, 130, Adaptation.CHOSEN, scale=20)
    for piece in (1, 63, 130, 500):
        monkeypatch.setattr(image_choice, "CHUNK_SYMBOLS", piece)
        assert code(coder, 100, 130, Adaptation.CHOSEN, scale=20).estimated_bits == whole.estimated_bits


@pytest.mark.parametrize("hyper", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_choice_is_the_cheapest_of_all(hyper: bool, seed: int) -> None:
    coder = tiny_image_coder.coder(5, hyper=hyper, seed=seed)
    scale = [0.3, 1, 2, 4, 6, 12][seed]
    best = code(coder, 90, 70, Adaptation.CHOSEN, scale=scale, seed=seed)
    static = code(coder, 90, 70, Adaptation.STATIC, scale=scale, seed=seed)
    bits = [static.estimated_bits]
    for q in itertools.product(*map(range, coder.tables.candidate_counts)):
        if any(q):
            chosen = code(coder, 90, 70, Adaptation.CHOSEN, scale=scale, seed=seed, q=np.array(q, np.int32))
            bits.append(chosen.estimated_bits)
    all_first = coder.tables.choice.estimated_bits(Symbols(np.zeros((1, coder.tables.groups), np.int32)))[0]
    bits[0] += all_first  # as if it were sent
    expected = min(bits)
    actual = best.estimated_bits + (all_first if best.symbols.q is None else 0)
    assert actual == pytest.approx(expected, abs=1e-6)
    auto = code(coder, 90, 70, Adaptation.AUTO, scale=scale, seed=seed)
    assert auto.payload_bits <= min(static.payload_bits, best.payload_bits) + 8


def test_a_choice_of_static_tables_is_coded_as_static() -> None:
    coder = tiny_image_coder.coder(3, candidates=1)
    coded = code(coder, 40, 40, Adaptation.CHOSEN)
    assert (coded.symbols.adaptation, coded.symbols.q, coded.side_bits) == (Adaptation.STATIC, None, 0)
    assert coded.packet.sections[0] == bytes((40, 40))


def test_small_images_do_not_pay_for_a_choice() -> None:
    coder = tiny_image_coder.coder(8)
    kinds = [code(coder, side, side, Adaptation.AUTO, scale=5).symbols.adaptation for side in (1, 1500)]
    assert kinds == [Adaptation.STATIC, Adaptation.CHOSEN]


def test_without_the_compiled_coder_the_bytes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    coder = tiny_image_coder.coder(bins=16)
    coded = code(coder, 50, 60, Adaptation.SYNTHESIZED)
    monkeypatch.setattr(range_coder, "compiled", None)
    assert code(coder, 50, 60, Adaptation.SYNTHESIZED).packet == coded.packet
    assert_same(coder.decode(coded.packet.to_bytes()), coded.symbols)


def test_without_the_compiled_coder_contexts_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    coder = tiny_image_coder.coder(context=True)
    coded = code(coder, 50, 60, Adaptation.CONTEXT)
    monkeypatch.setattr(range_coder, "compiled", None)
    monkeypatch.setattr(context, "compiled", None)
    again_coded = code(coder, 50, 60, Adaptation.CONTEXT)
    assert again_coded.packet == coded.packet
    assert again_coded.estimated_bits == pytest.approx(coded.estimated_bits, abs=1e-6)
    assert_same(coder.decode(coded.packet.to_bytes()), coded.symbols)


@pytest.mark.parametrize("seed", range(8))
def test_auto_takes_the_cheapest_of_static_chosen_and_context(seed: int) -> None:
    coder = tiny_image_coder.coder(6, context=True, seed=seed)
    for scale in (0.0, 0.5, 2.0, 8.0):
        cases = (Adaptation.AUTO, Adaptation.STATIC, Adaptation.CHOSEN, Adaptation.CONTEXT)
        auto, *others = (code(coder, 150, 170, kind, scale=scale, seed=seed) for kind in cases)
        assert auto.payload_bits <= min(other.payload_bits for other in others) + 8
        assert others[-1].side_bits == 8


def test_a_choice_given_with_contexts_is_refused() -> None:
    coder = tiny_image_coder.coder(context=True)
    for adaptation in (Adaptation.CONTEXT, Adaptation.AUTO):
        with pytest.raises(InputError, match="q: expected none with adaptation"):
            code(coder, 20, 20, adaptation, q=np.ones(4, np.int32))


@pytest.mark.parametrize("size", [(1, 65_535), (65_535, 1), (4096, 4096)])
def test_memory_of_contexts_is_bounded_by_the_symbols(size: tuple[int, int]) -> None:
    coder = tiny_image_coder.coder(40, context=True)
    data = huge(encode_varint(size[0]) + encode_varint(size[1]) + b"\x03", b"")
    coder.decode(huge(bytes((16, 16, 3)), b""))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start_s = time.process_time()
    symbols = coder.decode(data)
    assert time.process_time() - start_s < 2
    # Values, and one byte for each in a frame of zeros two wide.
    allowed_bytes = (4 + 5) * symbols.count + (1 << 22)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) << 10 < allowed_bytes


def test_contexts_of_a_huge_image_are_refused_before_anything_is_allocated() -> None:
    coder = tiny_image_coder.coder(400, context=True)
    data = huge(encode_varint(65_535) + encode_varint(1000) + b"\x03", b"\x12")
    tracemalloc.start()
    with pytest.raises(LimitExceededError, match="expected at most 67108864 symbols"):
        coder.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_perturbed_table_is_refused_by_the_checksum() -> None:
    coder = tiny_image_coder.coder(8)
    coded = code(coder, 200, 300, Adaptation.STATIC, checksum_size_bytes=4)
    tables = coder.tables.tables
    cumulative = tables.cumulative.copy()
    cumulative[0, 1] += 5
    perturbed = type(tables)(cumulative, tables.sizes, tables.offsets, 16, has_escape=True)
    other = ImageCoder(coder.manifest, ImageTables(perturbed, coder.tables.first_table, coder.tables.choice))
    with pytest.raises((SymbolMismatchError, PacketError)):
        other.decode(coded.packet.to_bytes())


def test_a_perturbed_synthesis_is_refused_by_the_checksum() -> None:
    coder = tiny_image_coder.coder(8, bins=16)
    coded = code(coder, 200, 300, Adaptation.SYNTHESIZED, checksum_size_bytes=4)

    def wrong(q: Any) -> Any:
        logits = tiny_image_coder.synthesize(q, 8, 16)
        logits[3, 9] += 40
        return logits

    with pytest.raises((SymbolMismatchError, PacketError)):
        ImageCoder(coder.manifest, coder.tables, synthesize=wrong).decode(coded.packet.to_bytes())


# ---- damage ----


def golden_packets() -> Iterator[tuple[ImageCoder, bytes]]:
    """Packets of every kind, the symbol checksum left out so that only the format protects them."""
    for options, adaptation in CASES:
        coder = tiny_image_coder.coder(**options)
        for size in ((1, 1), (17, 50)):
            coded = code(coder, *size, adaptation, scale=3)
            yield coder, Packet(PacketType.INTRA, coded.packet.sections).to_bytes()
            yield coder, coded.packet.to_bytes()


def decode_or_refuse(coder: ImageCoder, data: bytes) -> bool:
    """Whether damaged bytes were accepted: then they are what encoding writes."""
    try:
        symbols = coder.decode(data, LIMITS)
    except REFUSED:
        return False
    assert tiny_image_coder.again(coder, symbols, len(Packet.from_bytes(data).checksum)) == data
    return True


def test_packets_cut_anywhere() -> None:
    for coder, data in golden_packets():
        for size in range(len(data)):
            decode_or_refuse(coder, data[:size])


def test_packets_with_any_bit_flipped() -> None:
    cases = accepted = 0
    for coder, data in golden_packets():
        # The checksum is over symbols: it does not know the image's size, in bytes 2 and 3.
        is_protected = bool(Packet.from_bytes(data).checksum)
        for bit in range(8 * len(data)):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            was_accepted = decode_or_refuse(coder, bytes(damaged))
            if is_protected and bit // 8 not in (2, 3):
                cases, accepted = cases + 1, accepted + was_accepted
    assert cases > 1000
    assert accepted <= cases // 1000  # a checksum of 2 bytes


def test_packets_with_any_byte_replaced_inserted_or_removed() -> None:
    rng = np.random.default_rng(0)
    for coder, data in golden_packets():
        for at in range(len(data) + 1):
            some = bytes(rng.integers(0, 256, 3, dtype=np.uint8))
            for damaged in (
                data[:at] + some[:1] + data[at + 1 :],
                data[:at] + some + data[at:],
                data[:at] + data[at + 1 :],
            ):
                decode_or_refuse(coder, damaged)


def test_packets_of_other_sizes() -> None:
    for coder, data in golden_packets():
        packet = Packet.from_bytes(data)
        rest = packet.sections[0][2:]
        for height, width in itertools.product(
            (0, 1, 15, 16, 17, 33, 64, 65, 1000, 65_535, 65_536, 2**32 - 1), repeat=2
        ):
            side = encode_varint(height) + encode_varint(width) + rest
            decode_or_refuse(coder, Packet(packet.type, (side, *packet.sections[1:]), packet.checksum).to_bytes())


@settings(max_examples=300)
@given(
    st.sampled_from(["golden-image-q1", "golden-hyper-q1", "golden-context-q1"]), st.binary(max_size=30), st.booleans()
)
def test_any_bytes_are_canonical_or_refused(codec: str, data: bytes, has_descriptor: bool) -> None:
    coder = golden_image_coder(codec)
    start = bytes((8 if "hyper" in codec else 4,)) if has_descriptor else b""
    decode_or_refuse(coder, start + data)


def huge(side: bytes, *rest: bytes) -> bytes:
    return Packet(PacketType.INTRA, (side, *rest)).to_bytes()


def test_a_huge_image_is_refused_before_anything_is_allocated() -> None:
    coder = tiny_image_coder.coder(400)
    data = huge(encode_varint(65_535) + encode_varint(1000), b"\x12")
    tracemalloc.start()
    with pytest.raises(LimitExceededError, match="expected at most 67108864 symbols, it would decode to 103219200"):
        coder.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("hyper", [False, True])
def test_memory_and_time_are_bounded_by_the_symbols(hyper: bool) -> None:
    """A packet of a few bytes may say an image of megapixels, all of likeliest symbols."""
    coder = tiny_image_coder.coder(40, hyper=hyper)
    data = huge(encode_varint(4096) + encode_varint(4096), *[b""] * (2 if hyper else 1))
    coder.decode(huge(bytes((16, 16)), *[b""] * (2 if hyper else 1)))
    tracemalloc.start()
    start_s = time.process_time()
    symbols = coder.decode(data)
    seconds = time.process_time() - start_s
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert symbols.count >= 40 * 256 * 256
    # Values and table indices; with a hyperprior also the groups, which the test's h_s makes in wider numbers.
    assert peak < (40 if hyper else 9) * symbols.count
    assert seconds < 2


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(5, 1 << 20, 1), "expected at most 5 bytes"),
        (Limits(100, 11, 1), "expected at most 11 symbols, it would decode to 12"),
    ],
)
def test_limits(limits: Limits, message: str) -> None:
    data = bytes.fromhex("1402112175 30379e".replace(" ", ""))
    assert golden_image_coder("golden-image-q1").decode(data, IMAGE_LIMITS).count == 12
    with pytest.raises(LimitExceededError, match=message):
        golden_image_coder("golden-image-q1").decode(data, limits)


# ---- misuse ----


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": np.zeros((4, 2, 3), np.int64)}, r"y: expected int32 \[4, 2, 3\], got int64"),
        ({"y": np.zeros((4, 3, 3), np.int32)}, r"y: expected int32 \[4, 2, 3\], got int32 \[4, 3, 3\]"),
        ({"height": 0}, "expected an image of up to"),
        ({"width": 65_536}, "expected an image of up to"),
        ({"checksum_size_bytes": 3}, "checksum_size_bytes: expected 0, 2 or 4, got 3"),
        ({"z": np.zeros((1, 1, 1), np.int32)}, "z: expected none"),
        ({"q": np.ones(4, np.int32)}, "q: expected none with adaptation auto"),
        ({"q": np.zeros(4, np.int32), "adaptation": Adaptation.CHOSEN}, "and not the first in all"),
        ({"q": np.full(4, 3, np.int32), "adaptation": Adaptation.CHOSEN}, "expected a candidate of each group"),
        ({"adaptation": Adaptation.SYNTHESIZED}, "does not synthesize"),
        ({"adaptation": Adaptation.CONTEXT}, "expected any but context, image-test-q1 has no contexts"),
    ],
)
def test_what_cannot_be_encoded(arguments: dict[str, Any], message: str) -> None:
    given_arguments: dict[str, Any] = {"y": np.zeros((4, 2, 3), np.int32), "height": 17, "width": 48} | arguments
    with pytest.raises(InputError, match=message):
        tiny_image_coder.coder().encode(**given_arguments)


def test_a_missing_z_or_q() -> None:
    y = np.zeros((4, 4, 4), np.int32)
    with pytest.raises(InputError, match=r"z: expected int32 \[3, 1, 1\], got none"):
        tiny_image_coder.coder(hyper=True).encode(y, 64, 64)
    with pytest.raises(InputError, match=r"q: expected int32 \[2, 2\], got none"):
        tiny_image_coder.coder(bins=16).encode(y, 64, 64, adaptation=Adaptation.SYNTHESIZED)


def test_latents_of_any_memory_order() -> None:
    coder = tiny_image_coder.coder()
    y = tiny_image_coder.latents((4, 5, 6))
    assert coder.encode(np.asfortranarray(y), 80, 96).packet == coder.encode(y, 80, 96).packet


def test_coders_that_do_not_fit_their_codec() -> None:
    plain, tables = tiny_image_coder.manifest(), tiny_image_coder.tables()
    hyper, bins = tiny_image_coder.manifest(hyper=True), tiny_image_coder.manifest(bins=16)
    with pytest.raises(InputError, match="expected synthesize for codecs with bins"):
        ImageCoder(bins, tables)
    with pytest.raises(InputError, match="scale_indices for those with z only"):
        ImageCoder(plain, tables, scale_indices=lambda z: z)
    with pytest.raises(ManifestError, match="expected 4 groups of tables, got 5"):
        ImageCoder(plain, tiny_image_coder.tables(5))
    with pytest.raises(ManifestError, match="expected tables of q for codecs with bins only"):
        ImageCoder(plain, tiny_image_coder.tables(bins=16))
    with pytest.raises(ManifestError, match="expected 3 tables of z, got 0"):
        ImageCoder(hyper, tables, scale_indices=lambda z: z)


def test_networks_that_do_not_fit_their_codec() -> None:
    hyper, bins = tiny_image_coder.coder(hyper=True), tiny_image_coder.coder(bins=16)
    far = ImageCoder(hyper.manifest, hyper.tables, scale_indices=lambda z: 9 + tiny_image_coder.scale_indices(z, 4))
    with pytest.raises(ManifestError, match=r"expected scale indices \(4, 4, 4\) from 0 to 4"):
        far.decode(huge(bytes((16, 16)), b"", b""))
    short = ImageCoder(bins.manifest, bins.tables, synthesize=lambda _: np.zeros((4, 8), np.int32))
    with pytest.raises(ManifestError, match=r"expected logits \(4, 16\)"):
        short.decode(huge(bytes((16, 16, 2)), b""))


def test_a_choice_with_an_escape_is_refused() -> None:
    tables = tiny_image_coder.tables(1, 1)
    choice = type(tables.choice).independent(quantize_pmf([[5, 1]], [0], 16, has_escape=True))
    coder = ImageCoder(tiny_image_coder.manifest(1), ImageTables(tables.tables, tables.first_table, choice))
    for value in (-1, 1, INT32_MAX):
        q = choice.encode(Symbols(np.array([[value]])))
        with pytest.raises(PacketError, match="section 0, q: expected a candidate of each group"):
            coder.decode(huge(bytes((1, 1, 1)) + q, b""))
