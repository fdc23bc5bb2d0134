"""The manifest: everything edge and cloud must agree on, as canonical JSON whose SHA-256 is the codec's identity.

`Manifest` is what the manifests of all signals share; there is one class for each signal. Implements BITSTREAM.md §8.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from isthmus.common.errors import ManifestError
from isthmus.common.manifest_fields import (
    BITSTREAM_VERSION,
    CHECKSUM_SIZES_BYTES,
    MANIFEST_FILE,
    MAX_MANIFEST_SIZE_BYTES,
    canonical,
    check_canonical,
    check_class_names,
    check_codec_name,
    check_fields,
    check_version,
    check_weights,
    expect,
    expect_integer,
    parse,
)
from isthmus.common.prior import MAX_CHANNELS, Prior

MAX_POINTS = 1 << 20
MAX_QUALITY = 99
MAX_STRIDE = 64
MAX_HALO_PIXELS = 4096
MAX_BINS = 4096
TASKS = ("classification", "motion-compensated-inference", "reconstruction")
UP_AXES = ("x", "y", "z")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Manifest(ABC):
    """What every codec says of itself, valid from birth; each signal has a class of its own.

    Attributes:
        signal: what is coded.
        name: lower-case words joined by hyphens.
        weights: file name and SHA-256 in hex of every file of the codec, sorted by name.
        checksum_size_bytes: the symbol checksum an encoder adds unless told otherwise: 0, 2 or 4.
        tasks: what the cloud half can do, sorted.
        bitstream_version: version of BITSTREAM.md.

    Raises:
        ManifestError: a field breaks its rule.
    """

    signal: ClassVar[str]

    name: str
    weights: tuple[tuple[str, str], ...]
    checksum_size_bytes: int = 0
    tasks: tuple[str, ...]
    bitstream_version: int = BITSTREAM_VERSION
    _bytes: bytes = field(init=False, repr=False)
    _identity: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_version(self.bitstream_version)
        check_codec_name(self.name)
        tasks = self.tasks
        expect(
            bool(tasks) and set(tasks) <= set(TASKS) and list(tasks) == sorted(set(tasks)),
            f"tasks: expected some of {TASKS}, sorted, got {tasks!r}",
        )
        expect(
            type(self.checksum_size_bytes) is int and self.checksum_size_bytes in CHECKSUM_SIZES_BYTES,
            f"checksum_size_bytes: expected 0, 2 or 4, got {self.checksum_size_bytes!r}",
        )
        self._check()
        check_weights(self.weights)
        data = canonical(
            {
                "bitstream_version": self.bitstream_version,
                "checksum_size_bytes": self.checksum_size_bytes,
                "name": self.name,
                "signal": self.signal,
                "tasks": list(self.tasks),
                "weights": dict(self.weights),
                **self._to_json(),
            }
        )
        object.__setattr__(self, "_bytes", data)
        object.__setattr__(self, "_identity", hashlib.sha256(data).digest())

    @property
    def identity(self) -> bytes:
        """SHA-256 of the canonical bytes, 32 bytes: peers with equal identities hold equal codecs."""
        return self._identity

    def to_bytes(self) -> bytes:
        """The canonical JSON: keys sorted, no spaces, no newline at the end."""
        return self._bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads a manifest, of any signal or of the class's own: `from_bytes(b).to_bytes() == b`.

        Raises:
            ManifestError: not canonical JSON, of another signal, or a field is missing, unknown or breaks its rule.
            LimitExceededError: larger than a manifest may be.
            UnsupportedVersionError: of another bitstream version.
        """
        from isthmus.common.video_manifest import VideoManifest  # late: it builds on this module

        fields = parse(data)
        signal = fields.get("signal") if isinstance(fields, dict) else None
        kinds = {kind.signal: kind for kind in (PointCloudManifest, ImageManifest, VideoManifest)}
        kind = kinds.get(signal) if type(signal) is str else PointCloudManifest  # whose fields the message names
        if kind is None:
            raise ManifestError(f"signal: expected one of {tuple(kinds)}, got {signal!r:.80}")
        common = {
            "bitstream_version": int,
            "checksum_size_bytes": int,
            "name": str,
            "signal": str,
            "tasks": list,
            "weights": dict,
        }
        check_fields(fields, common | kind._json_fields(), "manifest")
        assert isinstance(fields, dict)  # for the type checker
        expect(all(type(entry) is str for entry in fields["tasks"]), "tasks: expected a list of strings")
        shared = {name: fields[name] for name in ("bitstream_version", "checksum_size_bytes", "name")}
        shared |= {"tasks": tuple(fields["tasks"]), "weights": tuple(fields["weights"].items())}
        manifest = kind._from_json(fields, shared)
        check_canonical(bytes(data), manifest.to_bytes())
        if not isinstance(manifest, cls):
            raise ManifestError(wrong_signal(cls, manifest))
        return manifest

    @abstractmethod
    def _check(self) -> None:
        """Raises ManifestError if a field of this signal breaks its rule."""

    @abstractmethod
    def _to_json(self) -> dict[str, Any]:
        """The fields of this signal."""

    def __eq__(self, other: object) -> bool:
        return self._bytes == other._bytes if isinstance(other, Manifest) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity)


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
        expect_integer(self.min_points, 1, MAX_POINTS, "preprocessing.min_points")
        expect_integer(self.max_points, self.min_points, MAX_POINTS, "preprocessing.max_points")
        expect_integer(self.benchmark_points, 0, self.max_points, "preprocessing.benchmark_points")
        expect(self.up_axis in UP_AXES, f"preprocessing.up_axis: expected one of {UP_AXES}, got {self.up_axis!r}")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PointCloudManifest(Manifest):
    """A codec of point clouds: a classifier cut in two.

    Attributes:
        class_names: in the order of the logits.
        prior: the tables both sides code with.
        preprocessing: constants of the way from signal to network.
    """

    signal: ClassVar[str] = "point-cloud"

    class_names: tuple[str, ...]
    prior: Prior
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    tasks: tuple[str, ...] = ("classification",)

    @property
    def channels(self) -> int:
        """Symbols of one signal."""
        return self.prior.channels

    def _check(self) -> None:
        check_class_names(self.class_names)

    @staticmethod
    def _json_fields() -> dict[str, type]:
        return {"channels": int, "class_names": list, "preprocessing": dict, "prior": dict}

    @classmethod
    def _from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> PointCloudManifest:
        check_fields(
            fields["preprocessing"],
            {"benchmark_points": int, "max_points": int, "min_points": int, "up_axis": str},
            "preprocessing",
        )
        expect(all(type(entry) is str for entry in fields["class_names"]), "class_names: expected a list of strings")
        manifest = cls(
            class_names=tuple(fields["class_names"]),
            prior=Prior.from_json(fields["prior"]),
            preprocessing=Preprocessing(**fields["preprocessing"]),
            **shared,
        )
        expect(
            fields["channels"] == manifest.channels,
            f"channels: expected {manifest.channels} as the prior has, got {fields['channels']}",
        )
        return manifest

    def _to_json(self) -> dict[str, Any]:
        return {
            "channels": self.prior.channels,
            "class_names": list(self.class_names),
            "preprocessing": {
                "benchmark_points": self.preprocessing.benchmark_points,
                "max_points": self.preprocessing.max_points,
                "min_points": self.preprocessing.min_points,
                "up_axis": self.preprocessing.up_axis,
            },
            "prior": self.prior.to_json(),
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageManifest(Manifest):
    """A codec of images; its tables lie beside it in `entropy.npz`.

    Attributes:
        family: the codec's name without its quality, which is `-q<quality>`.
        quality: 1 to 99; more bits with each.
        latent_channels: of y (M).
        stride: pixels of one latent along a side, a power of two.
        hyper_channels: of z (N), 0 without a hyperprior.
        hyper_stride: pixels of one z along a side, a multiple of `stride`; 0 without a hyperprior.
        halo_pixels: how many pixels beyond its own a latent may depend on, a multiple of `stride`.
        halo_latents: how many latents beyond its own a pixel may depend on.
        bins: of the synthesized distributions (B), a multiple of 8; 0 for a codec without them.
    """

    signal: ClassVar[str] = "image"

    family: str
    quality: int
    latent_channels: int
    stride: int = 16
    hyper_channels: int = 0
    hyper_stride: int = 0
    halo_pixels: int
    halo_latents: int
    bins: int = 0
    checksum_size_bytes: int = 2
    tasks: tuple[str, ...] = ("reconstruction",)

    @property
    def padding(self) -> int:
        """Sides of an image are padded to multiples of this many pixels."""
        return self.hyper_stride or self.stride

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Shape of y, [M, h, w], for an image of so many pixels."""
        per_side = self.padding // self.stride
        return self.latent_channels, -(-height // self.padding) * per_side, -(-width // self.padding) * per_side

    def hyper_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Shape of z, [N, a, b], for an image of so many pixels; N is 0 without a hyperprior."""
        return self.hyper_channels, -(-height // self.padding), -(-width // self.padding)

    def _check(self) -> None:
        expect(self.tasks == ("reconstruction",), f"tasks: expected reconstruction alone, got {self.tasks!r}")
        expect_integer(self.quality, 1, MAX_QUALITY, "quality")
        expect(
            isinstance(self.family, str) and self.name == f"{self.family}-q{self.quality}",
            f"name: expected family and quality as in {self.family}-q{self.quality}, got {self.name!r}",
        )
        expect_integer(self.latent_channels, 1, MAX_CHANNELS, "latent_channels")
        expect_integer(self.stride, 1, MAX_STRIDE, "stride")
        expect(self.stride & (self.stride - 1) == 0, f"stride: expected a power of two, got {self.stride}")
        expect_integer(self.hyper_channels, 0, MAX_CHANNELS, "hyper_channels")
        expect_integer(self.hyper_stride, 0, MAX_STRIDE * MAX_STRIDE, "hyper_stride")
        expect(
            (self.hyper_stride > 0) == (self.hyper_channels > 0) and self.hyper_stride % self.stride == 0,
            f"hyper_stride: expected a multiple of the stride, {self.stride}, with hyper_channels and 0 without, got "
            f"{self.hyper_stride}",
        )
        expect_integer(self.halo_pixels, 0, MAX_HALO_PIXELS, "halo_pixels")
        expect(
            self.halo_pixels % self.stride == 0,
            f"halo_pixels: expected a multiple of the stride, {self.stride}, got {self.halo_pixels}",
        )
        expect_integer(self.halo_latents, 0, MAX_HALO_PIXELS, "halo_latents")
        expect_integer(self.bins, 0, MAX_BINS, "bins")
        expect(self.bins % 8 == 0, f"bins: expected a multiple of 8, got {self.bins}")
        expect(not (self.bins and self.hyper_channels), "bins: expected 0 with a hyperprior")

    @staticmethod
    def _json_fields() -> dict[str, type]:
        return {name: str if name == "family" else int for name in _IMAGE_FIELDS}

    @classmethod
    def _from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> ImageManifest:
        return cls(**{name: fields[name] for name in _IMAGE_FIELDS}, **shared)

    def _to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _IMAGE_FIELDS}


_IMAGE_FIELDS = (
    "bins",
    "family",
    "halo_latents",
    "halo_pixels",
    "hyper_channels",
    "hyper_stride",
    "latent_channels",
    "quality",
    "stride",
)

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

    def has_file(self, name: str) -> bool:
        """Whether the manifest names the file."""
        return any(name == known for known, _ in self.manifest.weights)


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
            `edge.onnx` only).
        kind: the class of manifest wanted; a codec of another signal is refused. `Manifest` takes all.

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
    if not isinstance(manifest, kind):
        raise ManifestError(f"{folder}: {wrong_signal(kind, manifest)}")
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


def wrong_signal(kind: type[Manifest], manifest: Manifest) -> str:
    """The message for a codec of another signal than the one wanted."""
    return (
        f"signal: expected a codec for the signal {kind.signal!r}, got {manifest.name}, which is for the signal "
        f"{manifest.signal!r}"
    )


def write_codec_manifest(manifest: Manifest, path: str | Path) -> None:
    """Writes `manifest.json` into a codec folder."""
    (Path(path) / MANIFEST_FILE).write_bytes(manifest.to_bytes())


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, lower-case hex, as a manifest names it."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
