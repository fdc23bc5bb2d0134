"""Frames of videos as a program has them, and the encoder that takes them: as files, as arrays, or as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.data.video.files import open_video
from isthmus.data.video.source import VideoSource
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.options import MOST_QUALITY, VideoOptions
from isthmus.edge.video.policy import VideoPolicy, default_policy
from isthmus.runtime.engine import AUTO

OWN_QUALITY = 5
STEPS_A_QUALITY = 4


def policy_of(options: VideoOptions, manifest: VideoManifest) -> VideoPolicy:
    """What an encoder of a codec decides by, as asked for. InputError for a value out of range."""
    own = default_policy(manifest)
    return replace(
        own,
        mode=options.mode,
        key_interval=options.key_interval or own.key_interval,
        uses_vectors=options.vectors,
        step=step_of(options.quality),
        max_bytes=options.max_bytes,
    )


def step_of(quality: int) -> int:
    """The step of a quality from 1 to 9; the codec's own of 0. InputError for another."""
    if not 0 <= quality <= MOST_QUALITY:
        raise InputError(f"quality: expected 1 to {MOST_QUALITY}, got {quality}")
    return DEFAULT_STEP + STEPS_A_QUALITY * (OWN_QUALITY - (quality or OWN_QUALITY))


def open_encoder(folder: str | Path, options: VideoOptions, engine: str = AUTO) -> VideoEncoder:
    """The edge half of a codec for one stream. Raises as `VideoEncoder`; InputError for an option out of range."""
    codec = load_codec_folder(Path(folder), needed=(), kind=VideoManifest)
    return VideoEncoder(codec, policy_of(options, codec.manifest), engine=engine)


def open_asked(
    source: str | Path | BinaryIO,
    options: VideoOptions,
    format_name: str = "",
    while_waiting: Callable[[], None] = lambda: None,
) -> VideoSource:
    """The frames of a source as asked for. Raises as `open_video`."""
    return open_video(
        source,
        fps=options.fps,
        with_vectors=options.vectors,
        format=format_name or None,
        wait_s=options.source_wait,
        reconnects=options.reconnect,
        low_delay=options.low_delay,
        while_waiting=while_waiting,
        topic=options.topic,
    )


def read(given: Any, encoder: VideoEncoder, options: VideoOptions, format_name: str = "") -> Iterator[VideoFrame]:
    """The frames in what was given.

    Args:
        given: a video, a folder of images, an image, a camera ("camera:0"), an address with a scheme, pixels uint8
            [height, width, 3], an image, or a frame.
        encoder: of the stream.
        options: as asked for.
        format_name: of a stream that does not show it, "" to look.

    Raises:
        InputError: no frame, or no more that can be read.
    """
    del encoder  # any codec takes any frame, or refuses it as it is encoded
    if isinstance(given, str | Path):
        with open_asked(given, options, format_name) as video:
            yield from islice(video, options.limit or None)
        return
    if isinstance(given, VideoFrame):
        yield given
        return
    yield VideoFrame(given if isinstance(given, Image) else Image(given), 0)
