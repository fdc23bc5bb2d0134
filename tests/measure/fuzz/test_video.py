"""Hostile packets of videos, a sample: refused with a clear error, or packets after all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support import tiny_video_codec, tiny_video_coder

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.zoo import find_codec
from isthmus.measure.fuzz.options import FuzzOptions
from isthmus.measure.fuzz.targets import run_fuzz, targets_of
from isthmus.measure.fuzz.trial import FUZZ_LIMITS, MAX_PEAK_BYTES, MUTATIONS, fuzz
from isthmus.measure.fuzz.video import SEVERAL, VIDEO, video_target

CASES = 6000


@pytest.mark.parametrize("channels", [1, 5])
def test_video_decoders_hold(channels: int) -> None:
    target = video_target(tiny_video_coder.coder(channels))
    kinds = [Packet.from_bytes(data, FUZZ_LIMITS) for data in target.packets]
    assert {(packet.type, len(packet.sections)) for packet in kinds} == {
        (PacketType.INTRA, 2),
        (PacketType.PREDICTED, 1),
        (PacketType.PREDICTED, 2),
    }
    tally = fuzz(target, CASES, seed=7)
    assert tally.failures == []
    assert tally.cases == CASES
    assert tally.decoded > len(target.packets)
    assert set(tally.by_mutation) == {"none", *MUTATIONS}
    assert tally.refused["PacketError"] > CASES / 4
    assert min(tally.refused[f"{name}Error"] for name in ("SymbolMismatch", "LimitExceeded", "ReferenceMissing")) > 0
    assert tally.peak_bytes < MAX_PEAK_BYTES


def test_a_codec_of_frames_of_one_size(tmp_path: Path) -> None:
    tiny_video_codec.write_video_codec(tmp_path, size=(48, 64))
    run = run_fuzz(FuzzOptions(codecs="video-*", cases=1500, zoo=tmp_path))
    assert (run.cases, run.failures) == (1500, 0)


def test_cuts_at_several_tensors_hold() -> None:
    one, *several = targets_of(find_codec("vision-lite0-b5"))
    assert (one.kind, [target.kind for target in several]) == (VIDEO, [SEVERAL, SEVERAL])
    refused: Counter[str] = Counter()
    for target in several:
        kinds = {(p.type, len(p.sections)) for p in (Packet.from_bytes(data, FUZZ_LIMITS) for data in target.packets)}
        assert kinds == {(PacketType.INTRA, 2), (PacketType.PREDICTED, 1), (PacketType.PREDICTED, 2)}
        tally = fuzz(target, 1200, seed=7)
        assert tally.failures == []
        assert tally.decoded > len(target.packets)
        refused += tally.refused
    assert refused["PacketError"] > 600
    assert min(refused[f"{name}Error"] for name in ("SymbolMismatch", "LimitExceeded", "ReferenceMissing")) > 0


def test_a_codec_without_tiles_has_no_cut_at_several_tensors(tmp_path: Path) -> None:
    assert len(targets_of(tiny_video_codec.write_video_codec(tmp_path))) == 1
