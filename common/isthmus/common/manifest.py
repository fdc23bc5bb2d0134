"""The manifest: everything edge and cloud must agree on, as canonical JSON whose SHA-256 is the codec's identity.

Implements BITSTREAM.md §8.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus.common.errors import LimitExceededError, ManifestError, UnsupportedVersionError
from isthmus.common.prior import Prior

BITSTREAM_VERSION = 1
MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_SIZE_BYTES = 8 << 20
MAX_CLASSES = 4096
MAX_POINTS = 1 << 20
MAX_WEIGHT_FILES = 16
MAX_TEXT_LENGTH = 128
SIGNALS = ("point-cloud",)
TASKS = ("classification", "reconstruction")
UP_AXES = ("x", "y", "z")
CHECKSUM_SIZES_BYTES = (0, 2, 4)

CODEC_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_CODEC_NAME_LENGTH = 64
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to a cloud before the edge half, frozen with the codec.

    Attributes:
        min_points, max_points: clouds outside are refused.
        benchmark_points: points a cloud is sampled to when the codec is measured, 0 for all it has.
        up_axis: the axis that points up in the clouds the codec knows.
    """

    min_points: int = 1
    max_points: int = 65_536
    benchmark_points: int = 0
    up_axis: str = "z"

    def __post_init__(self) -> None:
        _expect_integer(self.min_points, 1, MAX_POINTS, "preprocessing.min_points")
        _expect_integer(self.max_points, self.min_points, MAX_POINTS, "preprocessing.max_points")
        _expect_integer(self.benchmark_points, 0, self.max_points, "preprocessing.benchmark_points")
        _expect(self.up_axis in UP_AXES, f"preprocessing.up_axis: expected one of {UP_AXES}, got {self.up_axis!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """One codec, valid from birth.

    Attributes:
        name: lower-case words joined by hyphens.
        class_names: in the order of the logits.
        prior: the tables both sides code with.
        weights: file name and SHA-256 in hex of every file of the codec, sorted by name.
        preprocessing: constants of the way from signal to network.
        checksum_size_bytes: the symbol checksum an encoder adds unless told otherwise: 0, 2 or 4.
        tasks: what the cloud half can do, sorted.
        signal: what is coded.
        bitstream_version: version of BITSTREAM.md.

    Raises:
        ManifestError: a field breaks its rule.
    """

    name: str
    class_names: tuple[str, ...]
    prior: Prior
    weights: tuple[tuple[str, str], ...]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    checksum_size_bytes: int = 0
    tasks: tuple[str, ...] = ("classification",)
    signal: str = "point-cloud"
    bitstream_version: int = BITSTREAM_VERSION
    _bytes: bytes = field(init=False, repr=False)
    _identity: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.bitstream_version != BITSTREAM_VERSION:
            raise UnsupportedVersionError(
                f"manifest: expected bitstream_version {BITSTREAM_VERSION}, got {self.bitstream_version}; "
                "use a codec of this version, or the release of isthmus that made it"
            )
        check_codec_name(self.name)
        _expect(self.signal in SIGNALS, f"signal: expected one of {SIGNALS}, got {self.signal!r}")
        tasks = self.tasks
        _expect(
            bool(tasks) and set(tasks) <= set(TASKS) and list(tasks) == sorted(set(tasks)),
            f"tasks: expected some of {TASKS}, sorted, got {tasks!r}",
        )
        _expect(
            1 <= len(self.class_names) <= MAX_CLASSES and len(set(self.class_names)) == len(self.class_names),
            f"class_names: expected 1 to {MAX_CLASSES} names, all different, got {len(self.class_names)}",
        )
        for class_name in self.class_names:
            _expect(
                isinstance(class_name, str) and 1 <= len(class_name) <= MAX_TEXT_LENGTH and class_name.isprintable(),
                f"class_names: expected 1 to {MAX_TEXT_LENGTH} printable characters each, got {class_name!r}",
            )
        _expect(
            type(self.checksum_size_bytes) is int and self.checksum_size_bytes in CHECKSUM_SIZES_BYTES,
            f"checksum_size_bytes: expected 0, 2 or 4, got {self.checksum_size_bytes!r}",
        )
        names = [name for name, _ in self.weights]
        _expect(
            1 <= len(names) <= MAX_WEIGHT_FILES and names == sorted(set(names)),
            f"weights: expected 1 to {MAX_WEIGHT_FILES} files, sorted by name, got {names!r}",
        )
        for name, digest in self.weights:
            _expect(
                FILE_NAME.fullmatch(name) is not None and name != MANIFEST_FILE,
                f"weights: expected a plain lower-case file name, got {name!r}",
            )
            _expect(
                isinstance(digest, str) and SHA256_HEX.fullmatch(digest) is not None,
                f"weights.{name}: expected 64 lower-case hex digits, got {digest!r}",
            )
        data = _canonical(self._to_json())
        if len(data) > MAX_MANIFEST_SIZE_BYTES:
            raise LimitExceededError(
                f"manifest: expected at most {MAX_MANIFEST_SIZE_BYTES} bytes of JSON, got {len(data)}"
            )
        object.__setattr__(self, "_bytes", data)
        object.__setattr__(self, "_identity", hashlib.sha256(data).digest())

    @property
    def channels(self) -> int:
        """Symbols of one signal."""
        return self.prior.channels

    @property
    def identity(self) -> bytes:
        """SHA-256 of the canonical bytes, 32 bytes: peers with equal identities hold equal codecs."""
        return self._identity

    def to_bytes(self) -> bytes:
        """The canonical JSON: keys sorted, no spaces, no newline at the end."""
        return self._bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Reads a manifest: `from_bytes(b).to_bytes() == b`.

        Raises:
            ManifestError: not canonical JSON, or a field is missing, unknown or breaks its rule.
            LimitExceededError: larger than a manifest may be.
            UnsupportedVersionError: of another bitstream version.
        """
        if len(data) > MAX_MANIFEST_SIZE_BYTES:
            raise LimitExceededError(f"manifest: expected at most {MAX_MANIFEST_SIZE_BYTES} bytes, got {len(data)}")
        try:
            fields = json.loads(bytes(data).decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"manifest: expected JSON in UTF-8: {error}") from error
        # The version first: a manifest of another version may have other fields.
        version = fields.get("bitstream_version") if isinstance(fields, dict) else None
        if type(version) is int and version != BITSTREAM_VERSION:
            raise UnsupportedVersionError(
                f"manifest: expected bitstream_version {BITSTREAM_VERSION}, got {version}; "
                "use a codec of this version, or the release of isthmus that made it"
            )
        expected = {
            "bitstream_version": int,
            "channels": int,
            "checksum_size_bytes": int,
            "class_names": list,
            "name": str,
            "preprocessing": dict,
            "prior": dict,
            "signal": str,
            "tasks": list,
            "weights": dict,
        }
        _check_fields(fields, expected, "manifest")
        _check_fields(
            fields["preprocessing"],
            {"benchmark_points": int, "max_points": int, "min_points": int, "up_axis": str},
            "preprocessing",
        )
        for name in ("class_names", "tasks"):
            _expect(all(type(entry) is str for entry in fields[name]), f"{name}: expected a list of strings")
        manifest = cls(
            name=fields["name"],
            class_names=tuple(fields["class_names"]),
            prior=Prior.from_json(fields["prior"]),
            weights=tuple(fields["weights"].items()),
            preprocessing=Preprocessing(**fields["preprocessing"]),
            checksum_size_bytes=fields["checksum_size_bytes"],
            tasks=tuple(fields["tasks"]),
            signal=fields["signal"],
            bitstream_version=fields["bitstream_version"],
        )
        _expect(
            fields["channels"] == manifest.channels,
            f"channels: expected {manifest.channels} as the prior has, got {fields['channels']}",
        )
        if manifest.to_bytes() != data:
            at = next((i for i, (a, b) in enumerate(zip(manifest.to_bytes(), data, strict=False)) if a != b), None)
            at = min(len(data), len(manifest.to_bytes())) if at is None else at
            raise ManifestError(f"manifest: expected canonical JSON (sorted keys, no spaces); it differs at byte {at}")
        return manifest

    def _to_json(self) -> dict[str, Any]:
        return {
            "bitstream_version": self.bitstream_version,
            "channels": self.prior.channels,
            "checksum_size_bytes": self.checksum_size_bytes,
            "class_names": list(self.class_names),
            "name": self.name,
            "preprocessing": {
                "benchmark_points": self.preprocessing.benchmark_points,
                "max_points": self.preprocessing.max_points,
                "min_points": self.preprocessing.min_points,
                "up_axis": self.preprocessing.up_axis,
            },
            "prior": self.prior.to_json(),
            "signal": self.signal,
            "tasks": list(self.tasks),
            "weights": dict(self.weights),
        }

    def __eq__(self, other: object) -> bool:
        return self._bytes == other._bytes if isinstance(other, Manifest) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity)


@dataclass(frozen=True, slots=True)
class CodecFolder:
    """A codec on disk whose files are those its manifest names.

    Attributes:
        manifest: read from `manifest.json`.
        path: the folder.
    """

    manifest: Manifest
    path: Path

    def file(self, name: str) -> Path:
        """The path of one of the codec's files.

        Raises:
            ManifestError: the manifest does not name it.
        """
        names = [known for known, _ in self.manifest.weights]
        _expect(name in names, f"{self.path}: codec {self.manifest.name} has no file {name!r}, only {names}")
        return self.path / name

    def has_file(self, name: str) -> bool:
        """Whether the manifest names the file."""
        return any(name == known for known, _ in self.manifest.weights)


def load_codec_folder(path: str | Path, needed: Collection[str] | None = None) -> CodecFolder:
    """Reads a codec folder and checks its files against the manifest's SHA-256.

    Args:
        path: a folder with `manifest.json` and the files it names.
        needed: the files that must be there; others are not read. None stands for all (an edge device needs
            `edge.onnx` only).

    Raises:
        ManifestError: the folder, its manifest or a file is missing or damaged; the message says what to do.
    """
    folder = Path(path)
    restore = f"restore {folder} from where it came, or make it again with `isthmus train` and `isthmus freeze`"
    try:
        with (folder / MANIFEST_FILE).open("rb") as stream:
            data = stream.read(MAX_MANIFEST_SIZE_BYTES + 1)
    except OSError as error:
        raise ManifestError(
            f"{folder / MANIFEST_FILE}: expected a codec's manifest, cannot read it: {error.strerror}; give the path "
            "of a codec folder, for example one of models/zoo"
        ) from error
    try:
        manifest = Manifest.from_bytes(data)
    except ManifestError as error:
        raise ManifestError(f"{folder / MANIFEST_FILE}: {error}; {restore}") from error
    codec = CodecFolder(manifest, folder)
    for name in needed if needed is not None else ():
        codec.file(name)
    for name, expected in manifest.weights:
        if needed is not None and name not in needed:
            continue
        try:
            with (folder / name).open("rb") as stream:
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ManifestError(
                f"{folder / name}: the manifest names this file, cannot read it: {error.strerror}; {restore}"
            ) from error
        if actual != expected:
            raise ManifestError(
                f"{folder / name}: expected SHA-256 {expected[:16]}... as the manifest says, got {actual[:16]}...; "
                f"{restore}"
            )
    return codec


def write_codec_manifest(manifest: Manifest, path: str | Path) -> None:
    """Writes `manifest.json` into a codec folder."""
    (Path(path) / MANIFEST_FILE).write_bytes(manifest.to_bytes())


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, lower-case hex, as a manifest names it."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_codec_name(name: object) -> str:
    """A codec's name, if it is one.

    Raises:
        ManifestError: not 1 to 64 characters of lower-case words joined by hyphens.
    """
    is_name = isinstance(name, str) and len(name) <= MAX_CODEC_NAME_LENGTH and CODEC_NAME.fullmatch(name) is not None
    _expect(is_name, f"name: expected up to 64 characters of lower-case words joined by hyphens, got {name!r}")
    return str(name)


def _canonical(fields: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except ValueError as error:
        raise ManifestError(f"manifest: cannot be written as JSON in UTF-8: {error}") from error


def _check_fields(fields: object, expected: dict[str, type], where: str) -> None:
    if not isinstance(fields, dict) or set(fields) != set(expected):
        got = sorted(fields) if isinstance(fields, dict) else type(fields).__name__
        raise ManifestError(f"{where}: expected the fields {sorted(expected)}, got {got}")
    for name, kind in expected.items():
        _expect(type(fields[name]) is kind, f"{where}.{name}: expected {kind.__name__}, got {fields[name]!r:.80}")


def _expect_integer(value: object, low: int, high: int, name: str) -> None:
    _expect(type(value) is int and low <= value <= high, f"{name}: expected {low} to {high}, got {value!r}")


def _expect(is_sound: bool, message: str) -> None:
    if not is_sound:
        raise ManifestError(message)
