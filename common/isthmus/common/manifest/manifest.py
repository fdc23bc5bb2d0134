"""The manifest: everything edge and cloud must agree on, as canonical JSON whose SHA-256 is the codec's identity.

`Manifest` is what the manifests of all signals share; each signal has a class of its own, in its folder. Implements
BITSTREAM.md §8. `isthmus.common.manifest.folder` reads them.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES
from isthmus.common.errors import InputError
from isthmus.common.manifest.fields import (
    BITSTREAM_VERSION,
    canonical,
    check_codec_name,
    check_version,
    check_weights,
    expect,
)
from isthmus.common.task import Task
from isthmus.common.tasks import TASKS

MAX_STRIDE = 64  # pixels of one latent along a side


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
            f"tasks: expected some of {tuple(sorted(TASKS))}, sorted, got {tasks!r}",
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
    @abstractmethod
    def json_fields(cls) -> dict[str, type]:
        """The fields of this signal in the JSON, and the type of each."""

    @classmethod
    def optional_json_fields(cls) -> dict[str, type]:
        """Those of them that a manifest may be without, and the type of each."""
        return {}

    @classmethod
    @abstractmethod
    def from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> Self:
        """A manifest of this signal.

        Args:
            fields: of the JSON, of the types that `json_fields` says.
            shared: what all signals share, as arguments.
        """

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that labels may name, by index; none where no task of the codec gives labels."""
        return ()

    @property
    def task(self) -> Task[Any]:
        """The first of the codec's tasks: what is asked of it unless somebody says otherwise."""
        return TASKS[self.tasks[0]]

    def task_for(self, asked: str) -> Task[Any]:
        """The codec's task of a word or a verb; its first for "". InputError if the codec has none such."""
        if not asked:
            return self.task
        own = [TASKS[word] for word in self.tasks]
        for task in own:
            if asked in (task.word, task.asked_as):
                return task
        wanted = " or ".join(dict.fromkeys(task.asked_as for task in own))
        raise InputError(f"task: expected {wanted}, as codec {self.name} does, got {asked!r}")

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
