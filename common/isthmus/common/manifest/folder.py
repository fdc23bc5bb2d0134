"""Codecs on disk: a folder with a manifest and the files that it names, each checked by its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from isthmus.common.catalog import SIGNALS
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.codec_file import CodecFile, read_plain_file
from isthmus.common.manifest.fields import (
    MANIFEST_FILE,
    MAX_MANIFEST_SIZE_BYTES,
    check_canonical,
    check_fields,
    expect,
    parse,
)
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.whole_file import write_whole

# The two halves of every codec, by the stem of their files, and as ONNX graphs.
EDGE_HALF, CLOUD_HALF = "edge", "cloud"
EDGE_FILE, CLOUD_FILE = "edge.onnx", "cloud.onnx"

M = TypeVar("M", bound=Manifest)
M_co = TypeVar("M_co", bound=Manifest, covariant=True)


@dataclass(frozen=True, slots=True)
class CodecFolder(Generic[M_co]):
    """A codec on disk whose files are those its manifest names.

    Attributes:
        manifest: read from `manifest.json`.
        path: the folder.
    """

    manifest: M_co
    path: Path

    def file(self, name: str) -> Path:
        """The path of one of the codec's files.

        Raises:
            ManifestError: the manifest does not name it.
        """
        names = [known for known, _ in self.manifest.weights]
        expect(name in names, f"{self.path}: codec {self.manifest.name} has no file {name!r}, only {names}")
        return self.path / name

    def read(self, name: str) -> CodecFile:
        """One of the codec's files, once, and found to be what the manifest says.

        Raises:
            ManifestError: the manifest does not name it, it is missing, damaged, or no plain file of this folder.
        """
        path = self.file(name)
        try:
            found = read_plain_file(self.path, name)
        except OSError as error:
            raise ManifestError(
                f"{path}: the manifest names this file, cannot read it: {error.strerror}; {_restore(self.path)}"
            ) from error
        except InputError as error:
            raise ManifestError(f"{path}: {error}; {_restore(self.path)}") from error
        expected = dict(self.manifest.weights)[name]
        if found.sha256 != expected:
            raise ManifestError(
                f"{path}: expected SHA-256 {expected[:16]}... as the manifest says, got {found.sha256[:16]}...; "
                f"{_restore(self.path)}"
            )
        return found

    def has_file(self, name: str) -> bool:
        """Whether the manifest names the file."""
        return any(name == known for known, _ in self.manifest.weights)


@overload
def read_manifest(data: bytes) -> Manifest: ...
@overload
def read_manifest(data: bytes, kind: type[M]) -> M: ...
def read_manifest(data: bytes, kind: type[Any] = Manifest) -> Any:
    """Reads a manifest, of any signal or of the one wanted: `read_manifest(b).to_bytes() == b`.

    Args:
        data: the canonical JSON.
        kind: the class of manifest wanted; a codec of another signal is refused. `Manifest` takes all.

    Raises:
        ManifestError: not canonical JSON, of another signal, or a field is missing, unknown or breaks its rule.
        LimitExceededError: larger than a manifest may be.
        UnsupportedVersionError: of another bitstream version.
    """
    fields = parse(data)
    signal = fields.get("signal") if isinstance(fields, dict) else None
    kinds = {signal.name: signal.kind for signal in SIGNALS.values()}
    found = kinds.get(signal) if type(signal) is str else PointCloudManifest  # whose fields the message names
    if found is None:
        raise ManifestError(f"signal: expected one of {tuple(kinds)}, got {signal!r:.80}")
    common = {
        "bitstream_version": int,
        "checksum_size_bytes": int,
        "name": str,
        "signal": str,
        "tasks": list,
        "weights": dict,
    }
    check_fields(fields, common | found.json_fields(), "manifest", found.optional_json_fields())
    assert isinstance(fields, dict)  # for the type checker
    expect(all(type(entry) is str for entry in fields["tasks"]), "tasks: expected a list of strings")
    shared = {name: fields[name] for name in ("bitstream_version", "checksum_size_bytes", "name")}
    shared |= {"tasks": tuple(fields["tasks"]), "weights": tuple(fields["weights"].items())}
    manifest = found.from_json(fields, shared)
    check_canonical(bytes(data), manifest.to_bytes())
    if not isinstance(manifest, kind):
        raise ManifestError(wrong_signal(kind, manifest))
    return manifest


@overload
def load_codec_folder(path: str | Path, needed: Collection[str] | None = None) -> CodecFolder[Manifest]: ...
@overload
def load_codec_folder(path: str | Path, needed: Collection[str] | None = None, *, kind: type[M]) -> CodecFolder[M]: ...
def load_codec_folder(
    path: str | Path, needed: Collection[str] | None = None, *, kind: type[Any] = Manifest
) -> CodecFolder[Any]:
    """Reads a codec folder and checks its files against the manifest's SHA-256.

    Args:
        path: a folder with `manifest.json` and the files it names.
        needed: the files that must be there; others are not read. None stands for all (an edge device needs
            `edge.onnx` only). Whoever opens a file takes what `CodecFolder.read` found, and need not ask for it here.
        kind: the class of manifest wanted; a codec of another signal is refused. `Manifest` takes all.

    Raises:
        ManifestError: the folder, its manifest or a file is missing or damaged; the message says what to do.
    """
    folder = Path(path)
    try:
        data = read_plain_file(folder, MANIFEST_FILE, MAX_MANIFEST_SIZE_BYTES + 1).data
    except InputError as error:
        raise ManifestError(f"{folder / MANIFEST_FILE}: {error}") from error
    except OSError as error:
        raise ManifestError(
            f"{folder / MANIFEST_FILE}: expected a codec's manifest, cannot read it: {error.strerror}; give the path "
            "of a codec folder, for example one of models/zoo"
        ) from error
    try:
        manifest = read_manifest(data)
    except ManifestError as error:
        raise ManifestError(f"{folder / MANIFEST_FILE}: {error}; {_restore(folder)}") from error
    if not isinstance(manifest, kind):
        raise ManifestError(f"{folder}: {wrong_signal(kind, manifest)}")
    codec = CodecFolder(manifest, folder)
    for name in [known for known, _ in manifest.weights] if needed is None else needed:
        codec.read(name)
    return codec


def _restore(folder: Path) -> str:
    return f"restore {folder} from where it came, or make it again with `isthmus train` and `isthmus freeze`"


def wrong_signal(kind: type[Manifest], manifest: Manifest) -> str:
    """The message for a codec of another signal than the one wanted."""
    return (
        f"signal: expected a codec for the signal {kind.signal!r}, got {manifest.name}, which is for the signal "
        f"{manifest.signal!r}"
    )


def write_codec_manifest(manifest: Manifest, path: str | Path) -> None:
    """Writes `manifest.json` into a codec folder."""
    write_whole(Path(path) / MANIFEST_FILE, manifest.to_bytes())


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, lower-case hex, as a manifest names it."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
