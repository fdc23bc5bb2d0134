"""Qualities from Python: of codecs whose frames choose their step, by one codec."""

import pytest
from support.paths import ROOT
from support.soft_pictures import soft_pictures

from isthmus.codec import load
from isthmus.common.errors import InputError
from isthmus.common.video.signal import LABELLING_CODEC

ZOO = ROOT / "models" / "zoo"


def test_a_finer_quality_takes_more_bits_of_one_codec() -> None:
    picture = soft_pictures(1, 120, 160)[0]
    bits = {}
    for quality in (2, 5, 8):
        codec = load(ZOO / LABELLING_CODEC, mode="intra", quality=quality)
        bits[quality] = codec.encode(picture).packet_bits
    own = load(ZOO / LABELLING_CODEC, mode="intra").encode(picture).packet_bits
    assert bits[2] < bits[5] < bits[8]
    assert own == bits[5]
    bound = bits[2] // 8
    assert load(ZOO / LABELLING_CODEC, mode="intra", max_bytes=bound).encode(picture).packet_bits <= 8 * bound


def test_where_a_quality_is_a_codec_it_is_no_option() -> None:
    with pytest.raises(InputError, match="option 'quality': expected one of"):
        load(ZOO / "image-light-q4", quality=3)
    with pytest.raises(InputError, match="has one step only"):
        load(ZOO / "video-tiny-q3", mode="intra", quality=3).encode(soft_pictures(1)[0])
