"""Hostile packets, a sample: every one is refused with a clear error, or is a packet after all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import tiny_codec, tiny_image_coder

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES
from isthmus.common.errors import InputError, PacketError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.results import read_results, read_summary
from isthmus.common.zoo import find_zoo
from isthmus.measure.codecs import fitting_codecs
from isthmus.measure.fuzz.options import FuzzOptions
from isthmus.measure.fuzz.targets import FuzzRun, image_target, run_fuzz, write_fuzz
from isthmus.measure.fuzz.trial import MAX_PEAK_BYTES, MUTATIONS, FuzzTally, FuzzTarget, fuzz

CASES = 5000
REAL = Packet(PacketType.INTRA, (b"real",)).to_bytes()
SIDES = ((1, 1), (37, 100), (64, 48))


def image_packets(*, bins: int = 0, hyper: bool = False) -> FuzzTarget:
    coder = tiny_image_coder.coder(6, bins=bins, hyper=hyper)
    manifest = coder.manifest
    packets = []
    for checksum_size_bytes in CHECKSUM_SIZES_BYTES:
        for seed, (height, width) in enumerate(SIDES):
            y = tiny_image_coder.latents(manifest.latent_shape(height, width), seed=seed)
            z = tiny_image_coder.latents(manifest.hyper_shape(height, width), seed=seed) if hyper else None
            for kind in (Adaptation.STATIC, Adaptation.CHOSEN, *([Adaptation.SYNTHESIZED] if bins else [])):
                shape = (tiny_image_coder.SIDE_CHANNELS, bins // 8)
                q = tiny_image_coder.latents(shape, seed=seed) if kind is Adaptation.SYNTHESIZED else None
                coded = coder.encode(
                    y, height, width, adaptation=kind, q=q, z=z, checksum_size_bytes=checksum_size_bytes
                )
                packets.append(coded.packet.to_bytes())
    return image_target(coder, packets)


@pytest.mark.parametrize("kind", ["factorised", "synthesized", "hyper"])
def test_image_decoders_hold(kind: str) -> None:
    target = image_packets(bins=16 if kind == "synthesized" else 0, hyper=kind == "hyper")
    tally = fuzz(target, CASES, seed=5)
    assert tally.kind == ("image_hyperprior" if kind == "hyper" else "image")
    assert tally.failures == []
    assert tally.cases == CASES
    assert tally.decoded > len(target.packets)  # not all that is spoiled is refused: short packets have no checksum
    assert set(tally.by_mutation) == {"none", *MUTATIONS}
    assert tally.refused["PacketError"] > CASES / 4
    assert tally.refused["SymbolMismatchError"] > 0
    assert tally.refused["LimitExceededError"] > 0
    assert tally.peak_bytes < MAX_PEAK_BYTES


def test_command_fuzzes_point_clouds_and_writes_the_result(tmp_path: Path) -> None:
    tiny_codec.write_codec(tmp_path / "zoo", "pc-lite-any-q1")
    tiny_codec.write_codec(tmp_path / "zoo", "pc-lite-any-q2", checksum_size_bytes=2)
    # The clouds it draws have more points than the tiny codecs take; they are thinned.
    options = FuzzOptions(codecs="pc-*", cases=CASES, zoo=tmp_path / "zoo")
    run = run_fuzz(options)
    assert run.failures == 0
    assert run.cases == CASES
    assert [t.name for t in run.tallies] == ["pc-lite-any-q1", "pc-lite-any-q2"]
    path = write_fuzz(run, options, tmp_path / "out")
    assert read_summary(tmp_path / "out") == {
        "fuzz.packet_cases": CASES,
        "fuzz.packet_failures": 0,
        "fuzz.signals": 1,
        "fuzz.pointcloud_cases": CASES,
        "fuzz.pointcloud_failures": 0,
    }
    detail = read_results(path).detail["codecs"][0]
    assert detail["cases"] == CASES / 2
    assert detail["decoded"] + sum(detail["refused"].values()) == CASES / 2
    with pytest.raises(InputError, match="name others with --codecs"):
        run_fuzz(FuzzOptions(codecs="image-none-*", cases=10, zoo=tmp_path / "zoo"))


def _refuse(data: bytes) -> bytes:
    if data != REAL:
        raise PacketError("no")
    return data


def _crash(data: bytes) -> bytes:
    return data if data == REAL else bytes([len(data) // 0])


def _accept(data: bytes) -> bytes:
    return data


def broken_targets() -> Iterator[tuple[str, FuzzTarget]]:
    """Decoders that each break one rule, and the words of the failure."""
    yield "ZeroDivisionError", FuzzTarget("a", "image", (REAL,), _crash, lambda d, _: d)
    yield "encodes to other bytes|cannot be encoded", FuzzTarget("b", "image", (REAL,), _accept, lambda _, _p: REAL)
    yield "a real packet is refused", FuzzTarget("c", "image", (b"unreal",), _refuse, lambda d, _: d)

    def blame(data: bytes) -> bytes:
        if data != REAL:
            raise InputError("you did it")
        return data

    yield "blames this side", FuzzTarget("d", "image", (REAL,), blame, lambda d, _: d)

    def hoard(data: bytes) -> bytes:
        bytearray(MAX_PEAK_BYTES + 1)
        return _refuse(data)

    yield "allocated", FuzzTarget("e", "image", (REAL,), hoard, lambda d, _: d)


@pytest.mark.parametrize(("words", "target"), list(broken_targets()), ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_broken_is_found(words: str, target: FuzzTarget) -> None:
    tally = fuzz(target, 60, seed=1)
    assert tally.failure_count
    assert any(word in failure.reason for failure in tally.failures for word in words.split("|"))


def test_same_seed_same_cases() -> None:
    target = image_packets()
    assert fuzz(target, 200, seed=2).to_json() == fuzz(target, 200, seed=2).to_json()
    assert fuzz(target, 200, seed=2).to_json() != fuzz(target, 200, seed=3).to_json()


def test_kinds_are_counted_apart(tmp_path: Path) -> None:
    def tally(kind: str, cases: int, failures: int) -> FuzzTally:
        return FuzzTally("c", kind, by_mutation=Counter(none=cases), failure_count=failures)

    run = FuzzRun((tally("image", 5, 1), tally("image", 2, 0), tally("image_hyperprior", 3, 0), tally("video", 4, 2)))
    write_fuzz(run, FuzzOptions(), tmp_path)
    assert read_summary(tmp_path) == {
        "fuzz.packet_cases": 14,
        "fuzz.packet_failures": 3,
        "fuzz.signals": 2,
        "fuzz.image_cases": 7,
        "fuzz.image_failures": 1,
        "fuzz.image_hyperprior_cases": 3,
        "fuzz.image_hyperprior_failures": 0,
        "fuzz.video_cases": 4,
        "fuzz.video_failures": 2,
    }


def test_by_default_every_kind_is_fuzzed() -> None:
    folders = fitting_codecs(find_zoo(None), FuzzOptions().codecs)
    manifests = [load_codec_folder(folder, needed=()).manifest for folder in folders]
    assert {manifest.signal for manifest in manifests} == {"point-cloud", "image", "video"}
    assert {m.hyper_channels > 0 for m in manifests if isinstance(m, ImageManifest)} == {True, False}
