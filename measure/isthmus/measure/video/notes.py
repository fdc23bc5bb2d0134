"""What a reader of a measurement of videos must know: how each way was sent."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.video.input_codecs import JPEG, InputCodec
from isthmus.measure.video.input_streams import AV1, H264, H265
from isthmus.measure.video.point import ALL_INTRA

_TOLD = {
    H264: "H.264: x264, tune zerolatency (I P P P), without x264's text message;",
    H265: "H.265: x265, tune zerolatency, info=0, which leaves the text out;",
    AV1: "AV1: SVT-AV1, pred-struct=1 (low delay), lp=1;",
    JPEG: "JPEG: Pillow, optimised tables;",
}


def notes(address: str, inputs: Sequence[InputCodec], policy: VideoPolicy) -> tuple[str, ...]:
    """What a reader of a measurement must know: of the cloud at an address, "" for none, and of the input codecs."""
    found = [
        f"{ALL_INTRA}: every frame's latents on their own. The default has a key frame at least every "
        f"{policy.key_interval} frames."
    ]
    if address:
        found.append(
            "The default setting went over a live wire, a stream a clip, one frame in flight; after every frame the "
            "cloud's latents had the CRC-32 of the encoder's. Other settings went through the same decoder beside."
        )
    if inputs:
        told = [
            f"{text} {_settings(inputs, codec)}." for codec, text in _TOLD.items() if codec in {i.codec for i in inputs}
        ]
        found.append(
            f"Input codecs: decoded, then the whole network in floats; 4:2:0, one thread; an I frame every "
            f"{policy.key_interval} frames, or the first alone. {' '.join(told)}"
        )
    return tuple(found)


def _settings(inputs: Sequence[InputCodec], codec: str) -> str:
    """The settings swept of an input codec, by family."""
    families: dict[str, list[str]] = {}
    for found in inputs:
        if found.codec == codec:
            families.setdefault(f"{found.family}, {found.knob}", []).append(str(found.setting))
    return "; ".join(f"{family} {', '.join(settings)}" for family, settings in families.items())
