"""The codecs a cloud serves: all manifests read at the start, each network loaded when a stream first asks for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.cloud.image.codec import CloudImageCodec
from isthmus.cloud.labels import Classifier
from isthmus.cloud.video.codec import VideoInference
from isthmus.common import wire
from isthmus.common.bits.packet import Limits
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import (
    CodecError,
    InputError,
    IsthmusError,
    ManifestMismatchError,
    RemoteError,
    UnknownCodecError,
)
from isthmus.common.image.coder import IMAGE_LIMITS
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.pointcloud.coder import Decoder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.status import mismatch
from isthmus.common.tasks import class_names_of, task_of
from isthmus.common.video.coder import VIDEO_LIMITS
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import MAX_SAID_NAME, codec_folders, natural_order, one_of

_log = logging.getLogger("isthmus.cloud")


class CloudCodec:
    """One codec, loaded: bytes of packets in, labels out."""

    def __init__(self, folder: Path, limits: Limits, threads: int = 1) -> None:
        """Raises ManifestError if the folder is damaged."""
        self._classifier = Classifier(load_codec_folder(folder, needed=(), kind=PointCloudManifest), threads)
        self._decoder = Decoder(self.manifest, limits)

    @property
    def manifest(self) -> PointCloudManifest:
        """The codec's manifest."""
        return self._classifier.manifest

    def infer(self, packets: Sequence[bytes], top_k: int) -> tuple[list[list[int] | IsthmusError], wire.Timing]:
        """For each packet its labels as they travel, or why it has none; one run of the network for all of them."""
        start_s = time.perf_counter()
        decoded: list[Symbols | IsthmusError] = []
        for packet in packets:
            try:
                decoded.append(self._decoder.decode(packet))
            except RemoteError as error:
                decoded.append(error)
        middle_s = time.perf_counter()
        sound = [symbols.values for symbols in decoded if isinstance(symbols, Symbols)]
        labels: list[int] = []
        if sound:
            values = sound[0] if len(sound) == 1 else np.concatenate(sound)
            labels = self._classifier.top_labels(values, top_k).ravel().tolist()
        outcomes: list[list[int] | IsthmusError] = []
        start = 0
        for symbols in decoded:
            if isinstance(symbols, Symbols):
                stop = start + symbols.signals * top_k
                outcomes.append(labels[start:stop])
                start = stop
            else:
                outcomes.append(symbols)
        end_s = time.perf_counter()
        return outcomes, wire.Timing(round((middle_s - start_s) * 1e6), round((end_s - middle_s) * 1e6))


LoadedCodec = CloudCodec | CloudImageCodec | VideoInference


class Zoo:
    """All codecs under a folder, or under several. A damaged one is logged and left out; the others are served.

    Args:
        folder: one folder a codec; of a name that several have, the first one's.
        limits: of one packet of point clouds.
        threads: of each network.
        image_limits: of one packet of an image.
        video_limits: of one packet of a video.

    Raises:
        InputError: no codec in the folder can be served.
    """

    def __init__(
        self,
        folder: Path | tuple[Path, ...],
        limits: Limits,
        threads: int = 1,
        image_limits: Limits = IMAGE_LIMITS,
        video_limits: Limits = VIDEO_LIMITS,
    ) -> None:
        self._limits = limits
        self._image_limits = image_limits
        self._video_limits = video_limits
        self._threads = threads
        self._folders: dict[str, Path] = {}
        self._manifests: dict[str, Manifest] = {}
        self._loaded: dict[str, LoadedCodec] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        for path in codec_folders(folder):
            try:
                manifest = load_codec_folder(path, needed=()).manifest
                if manifest.name in self._manifests:
                    raise InputError(f"{path}: codec {manifest.name} is in {self._folders[manifest.name]} as well")
            except IsthmusError as error:
                _log.warning("left out: %s", error)
                continue
            self._folders[manifest.name] = path
            self._manifests[manifest.name] = manifest
        if not self._manifests:
            where = folder if isinstance(folder, Path) else ", ".join(map(str, folder))
            raise InputError(f"{where}: expected at least one codec that can be served, got none; give another --zoo")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the codecs, in natural order."""
        return tuple(sorted(self._manifests, key=natural_order))

    @property
    def has_images(self) -> bool:
        """Whether one of the codecs is of images."""
        return any(isinstance(manifest, ImageManifest) for manifest in self._manifests.values())

    @property
    def has_videos(self) -> bool:
        """Whether one of the codecs is of videos."""
        return any(isinstance(manifest, VideoManifest) for manifest in self._manifests.values())

    def offers(self) -> tuple[wire.CodecOffer, ...]:
        """What GetCapabilities says of each codec."""
        return tuple(
            wire.CodecOffer(
                wire.CodecId(name, manifest.identity),
                (task_of(manifest),),
                (manifest.bitstream_version,),
                len(class_names_of(manifest)),
            )
            for name, manifest in ((name, self._manifests[name]) for name in self.names)
        )

    async def load(self, codec_id: wire.CodecId) -> LoadedCodec:
        """The codec a client named, loaded in a thread the first time.

        Raises:
            UnknownCodecError: no codec of that name.
            ManifestMismatchError: of that name, but another identity.
            ManifestError: its files are damaged (which is ours to mend, not the client's).
        """
        manifest = self._manifests.get(codec_id.name)
        if manifest is None:
            name = codec_id.name[:MAX_SAID_NAME]
            raise mismatch(
                UnknownCodecError, "codec", one_of(name, self.names), name, "serve it with: isthmus cloud --zoo FOLDER"
            )
        if manifest.identity != codec_id.manifest_sha256:
            raise mismatch(
                ManifestMismatchError,
                f"manifest of codec {manifest.name}",
                manifest.identity.hex(),
                codec_id.manifest_sha256.hex(),
                "use the same codec folder on both sides",
            )
        async with self._locks.setdefault(manifest.name, asyncio.Lock()):
            if manifest.name not in self._loaded:
                # Not the service's worker thread: loading takes long, and live streams must not wait for it.
                self._loaded[manifest.name] = await asyncio.to_thread(self._load, manifest)
                _log.info("loaded %s", manifest.name)
        return self._loaded[manifest.name]

    def close(self) -> None:
        """Let images that are under way go: the process is to end."""
        for codec in self._loaded.values():
            if isinstance(codec, CloudImageCodec):
                codec.stop()

    def _load(self, manifest: Manifest) -> LoadedCodec:
        folder = self._folders[manifest.name]
        codec: LoadedCodec
        if isinstance(manifest, ImageManifest):
            codec = CloudImageCodec(folder, self._image_limits, self._threads)
        elif isinstance(manifest, VideoManifest):
            codec = VideoInference(folder, self._video_limits, self._threads)
        else:
            codec = CloudCodec(folder, self._limits, self._threads)
        if codec.manifest != manifest:
            raise CodecError(f"{folder}: the manifest has changed since the start; start again")
        return codec
