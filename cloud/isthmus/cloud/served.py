"""The codecs a cloud serves: all manifests read at the start, each network loaded when a stream asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from isthmus.cloud.half import Bench, CloudCodec
from isthmus.cloud.loaded import Loaded
from isthmus.cloud.memory import Memory
from isthmus.common import protocol
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.errors import CodecError, InputError, IsthmusError, ManifestMismatchError, UnknownCodecError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.natural_order import natural_key
from isthmus.common.status import mismatch
from isthmus.common.tasks import TASKS
from isthmus.common.zoo import MAX_SAID_NAME, codec_folders, one_of

_log = logging.getLogger("isthmus.cloud")


class Zoo:
    """All codecs under a folder, or under several. A damaged one is logged and left out; the others are served.

    Args:
        folder: one folder a codec; of a name that several have, the first one's.
        benches: what the codecs of each signal work with, by the signal's name; those of other signals are left out.
        memory: in which those that are loaded are counted.

    Raises:
        InputError: no codec in the folder can be served.
    """

    def __init__(self, folder: Path | tuple[Path, ...], benches: Mapping[str, Bench], memory: Memory) -> None:
        self._benches = benches
        self._folders: dict[str, Path] = {}
        self._manifests: dict[str, Manifest] = {}
        self._loaded = Loaded(memory)
        self._locks: dict[str, asyncio.Lock] = {}
        for path in codec_folders(folder):
            try:
                manifest = load_codec_folder(path, needed=()).manifest
                if manifest.name in self._manifests:
                    raise InputError(f"{path}: codec {manifest.name} is in {self._folders[manifest.name]} as well")
                if manifest.signal not in benches:
                    raise InputError(f"{path}: codec {manifest.name} is of a signal not served here: {manifest.signal}")
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
        return tuple(sorted(self._manifests, key=natural_key))

    @property
    def signals(self) -> frozenset[str]:
        """Names of the signals that the codecs are of."""
        return frozenset(manifest.signal for manifest in self._manifests.values())

    def offers(self) -> tuple[protocol.CodecOffer, ...]:
        """What GetCapabilities says of each codec."""
        return tuple(
            protocol.CodecOffer(
                protocol.CodecId(name, manifest.identity),
                tuple(TASKS[word].number for word in manifest.tasks),
                (manifest.bitstream_version,),
                len(manifest.classes),
            )
            for name, manifest in ((name, self._manifests[name]) for name in self.names)
        )

    async def load(self, codec_id: protocol.CodecId) -> CloudCodec:
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
            if (found := self._loaded.find(manifest.name)) is not None:
                return found
            # Not the service's worker thread: loading takes long, and live streams must not wait for it.
            codec, file_bytes = await asyncio.to_thread(self._load, manifest)
            self._loaded.add(manifest.name, codec, file_bytes)
            _log.info("loaded %s", manifest.name)
            return codec

    def close(self) -> None:
        """Let what is under way go: the process is to end."""
        self._loaded.stop()

    def _load(self, manifest: Manifest) -> tuple[CloudCodec, int]:
        folder = self._folders[manifest.name]
        open_half = opened(SIGNALS[manifest.signal].cloud_half)
        codec: CloudCodec = open_half(folder, self._benches[manifest.signal])
        if codec.manifest != manifest:
            raise CodecError(f"{folder}: the manifest has changed since the start; start again")
        sizes = [(folder / name).stat().st_size for name, _ in manifest.weights if (folder / name).exists()]
        return codec, sum(sizes)
