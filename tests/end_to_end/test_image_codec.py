"""From image to packet and back through networks: every size, tiles, families, and packets that nobody made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_image_codec
from support.tiny_image_codec import photo

from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.common.errors import (
    InputError,
    LimitExceededError,
    ManifestError,
    OverloadedError,
    PacketError,
    RemoteError,
    SymbolMismatchError,
)
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.limits import Limits
from isthmus.common.signals import Image
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.edge.image.family import ImageFamily, find_family
from isthmus.runtime import tiles

pytestmark = pytest.mark.zoo("tiny-q1", *(f"image-test-q{quality}" for quality in (1, 3, 8, 20)))


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> ImageEncoder:
    return ImageEncoder(zoo / "image-test-q3")


@pytest.fixture(scope="module")
def reconstructor(zoo: Path) -> Reconstructor:
    return Reconstructor(zoo / "image-test-q3", IMAGE_LIMITS)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (16, 16), (17, 33), (300, 5), (96, 130)])
def test_sizes(encoder: ImageEncoder, reconstructor: Reconstructor, height: int, width: int) -> None:
    encoded = encoder.encode(photo(height, width))
    image, symbols = reconstructor.reconstruct(encoded.packet.to_bytes())
    assert image.pixels.shape == (height, width, 3)
    assert np.array_equal(symbols.y, encoded.detail.symbols.y)
    assert symbols.y.shape == (tiny_image_codec.CHANNELS, -(-height // 16), -(-width // 16))
    assert symbols.y.any()
    assert encoded.timing.total_s > 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(800, 1200), (3000, 2000), (40, 20_000)])
def test_tiles_are_the_whole(
    encoder: ImageEncoder, reconstructor: Reconstructor, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    """In tiles or at once: the same latents and pixels but for the rounding of floats."""
    image = photo(*shape)
    assert len(list(tiles.tiles(-(-shape[0] // 16), -(-shape[1] // 16), 1))) > 3
    y = encoder.latents(image)
    encoded = encoder.encode(image)
    tiled, symbols = reconstructor.reconstruct(encoded.packet.to_bytes())
    monkeypatch.setattr(tiles, "MAX_WHOLE_CELLS", 1 << 30)
    assert np.abs(encoder.latents(image) - y).max() < 1e-3
    whole = reconstructor.synthesize(symbols)
    different = np.abs(whole.pixels.astype(int) - tiled.pixels)
    assert different.max() <= 1
    assert (different > 0).mean() < 1e-3


def test_rounds_half_to_even_and_pads_with_the_edge(encoder: ImageEncoder) -> None:
    image = photo(20, 20)
    padded = Image(np.pad(image.pixels, ((0, 12), (0, 12), (0, 0)), mode="edge"))
    assert np.array_equal(encoder.encode(image).detail.symbols.y, encoder.encode(padded).detail.symbols.y)
    y = encoder.latents(image)
    assert np.array_equal(encoder.encode(image).detail.symbols.y, np.rint(y))


@pytest.mark.parametrize("adaptation", [Adaptation.AUTO, Adaptation.STATIC, Adaptation.CHOSEN])
def test_adaptations(encoder: ImageEncoder, reconstructor: Reconstructor, adaptation: Adaptation) -> None:
    coded = encoder.encode(photo(), adaptation).detail
    _, symbols = reconstructor.reconstruct(coded.packet.to_bytes())
    assert symbols.adaptation == coded.symbols.adaptation
    assert adaptation in (Adaptation.AUTO, coded.symbols.adaptation)
    with pytest.raises(InputError, match="synthesize"):
        encoder.encode(photo(), Adaptation.SYNTHESIZED)


def test_checksums(zoo: Path, encoder: ImageEncoder, reconstructor: Reconstructor) -> None:
    packet = encoder.encode(photo()).packet
    assert len(packet.checksum) == 2
    assert len(ImageEncoder(zoo / "image-test-q3", checksum_size_bytes=4).encode(photo()).packet.checksum) == 4
    data = bytearray(packet.to_bytes())
    data[-1] ^= 1
    with pytest.raises(SymbolMismatchError):
        reconstructor.reconstruct(bytes(data))
    with pytest.raises(InputError, match="0, 2 or 4, got 3"):
        ImageEncoder(zoo / "image-test-q3", checksum_size_bytes=3)


def test_hostile_packets(encoder: ImageEncoder, reconstructor: Reconstructor) -> None:
    """Cut anywhere, a bit flipped anywhere: refused, or (rarely) another picture; never another kind of error."""
    data = encoder.encode(photo(40, 40)).packet.to_bytes()
    refusals: list[str] = []
    cases = [data[:size] for size in range(len(data))]
    for at in range(len(data)):
        cases.append(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
    for case in cases:
        try:
            reconstructor.decode(case)
        except RemoteError as error:
            refusals.append(str(error))
    assert len(refusals) > 0.99 * len(cases)
    assert all("expected" in refusal for refusal in refusals)


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes(reconstructor: Reconstructor, data: bytes) -> None:
    try:
        reconstructor.decode(data)
    except RemoteError:
        return


def test_limits_come_before_memory(zoo: Path, encoder: ImageEncoder) -> None:
    data = encoder.encode(photo()).packet.to_bytes()
    small = Reconstructor(zoo / "image-test-q3", Limits(len(data) - 1, 1 << 20, 1))
    with pytest.raises(LimitExceededError, match=f"at most {len(data) - 1} bytes"):
        small.reconstruct(data)
    few = Reconstructor(zoo / "image-test-q3", Limits(1 << 20, 100, 1))
    with pytest.raises(LimitExceededError, match="at most 100 symbols"):
        few.reconstruct(data)


def test_a_stopped_reconstructor_leaves_its_image(zoo: Path, encoder: ImageEncoder) -> None:
    reconstructor = Reconstructor(zoo / "image-test-q3", IMAGE_LIMITS)
    reconstructor.stop()
    with pytest.raises(OverloadedError, match="shutting down"):
        reconstructor.reconstruct(encoder.encode(photo()).packet.to_bytes())


def test_folders_of_the_other_signal(zoo: Path) -> None:
    with pytest.raises(ManifestError, match="expected a codec for the signal 'image', got tiny-q1"):
        ImageEncoder(zoo / "tiny-q1")
    with pytest.raises(ManifestError, match="expected a codec for the signal 'image', got tiny-q1"):
        Reconstructor(zoo / "tiny-q1", IMAGE_LIMITS)


def test_each_side_needs_its_own_files_only(zoo: Path, tmp_path: Path, encoder: ImageEncoder) -> None:
    folders = {"edge.onnx": tmp_path / "edge", "cloud.onnx": tmp_path / "cloud"}
    for file, folder in folders.items():
        folder.mkdir()
        for name in ("manifest.json", "entropy.npz", file):
            (folder / name).write_bytes((zoo / "image-test-q3" / name).read_bytes())
    data = ImageEncoder(folders["edge.onnx"]).encode(photo()).packet.to_bytes()
    assert data == encoder.encode(photo()).packet.to_bytes()
    assert Reconstructor(folders["cloud.onnx"], IMAGE_LIMITS).decode(data).height == 96
    with pytest.raises(ManifestError, match=r"cloud\.onnx"):
        Reconstructor(folders["edge.onnx"], IMAGE_LIMITS)


def test_the_best_quality_that_fits(zoo: Path) -> None:
    family, _ = find_family("image-test", zoo)
    image = photo()
    sizes = {q: family.encoder(q).encode(image).packet.size_bytes for q in family.qualities}
    assert sorted(sizes.values()) == list(sizes.values())
    for quality, size in sizes.items():
        chosen, encoded = family.encode_within(image, size)
        assert (chosen, encoded.packet.size_bytes) == (quality, size)
        if quality > 1:
            assert family.encode_within(image, size - 1)[0] < quality
    smallest = min(sizes.values())
    with pytest.raises(InputError, match=rf"at most {smallest - 1} bytes, the smallest .* has {smallest}"):
        family.encode_within(image, smallest - 1)


def test_names_of_families(zoo: Path) -> None:
    family, quality = find_family("image-test", zoo)
    assert (family.qualities, quality) == ((1, 3, 8, 20), 8)
    assert find_family("image-test", zoo, 3)[1] == 3
    for name in ("image-test-q3", str(zoo / "image-test-q3")):
        family, quality = find_family(name, zoo, 0)
        assert (family.name, family.qualities, quality) == ("image-test", (1, 3, 8, 20), 3)
    with pytest.raises(InputError, match="expected quality 3, as its name says, got 8; name the family"):
        find_family("image-test-q3", zoo, 8)
    with pytest.raises(InputError, match="expected a quality of 1, 3, 8, 20, got 4"):
        find_family("image-test", zoo, 4)
    with pytest.raises(InputError, match="expected one of"):
        find_family("image-none", zoo)
    with pytest.raises(ManifestError, match="signal"):
        find_family("tiny-q1", zoo)
    with pytest.raises(InputError, match="at least one codec"):
        ImageFamily("none", {})


def test_a_packet_of_clouds_is_refused(reconstructor: Reconstructor) -> None:
    with pytest.raises(PacketError, match="2 sections"):
        reconstructor.decode(b"\x00\x01\x02")
