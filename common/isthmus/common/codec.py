"""The seam of a codec: a signal as one value.

Theory of operation. A `Signal` says all that the house must know of one kind of signal: its manifest, its files, its
default codec, what a cloud takes of it, and what opens its encoder, its job at the edge and its cloud half. Those are
named ("module:name") and imported when they are first opened, so that the edge never loads the cloud, nor bytes a
network. The values are light, as every command reads them when it starts. They lie in each signal's folder and together
in `isthmus.common.catalog.SIGNALS`, a plain dict.

    signal -> Encoder.encode -> Coded(packet, ...) -> wire -> CloudCodec.open_stream() -> Answerer.answer -> outcomes
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isthmus.common.limits import StreamLimits

if TYPE_CHECKING:
    from isthmus.common.manifest.manifest import Manifest

Opener = str | Callable[..., Any]
"""What opens something: "module:name", imported when it is first called, or the function itself."""


def opened(opener: Opener) -> Callable[..., Any]:
    """The function that an opener stands for."""
    if not isinstance(opener, str):
        return opener
    module, _, name = opener.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a cloud takes of one signal, and refuses beyond, before anything is allocated.

    Attributes:
        limits: of each stream, and of each packet in it.
        max_stream_count: streams at a time; 0 for as many as the server takes of all signals together.
        max_batch_frame_count: frames that are answered together.
        max_pixels: of a frame that a network runs on; 0 where latents are bounded by `limits` alone.
    """

    limits: StreamLimits
    max_stream_count: int = 0
    max_batch_frame_count: int = 1
    max_pixels: int = 0


@dataclass(frozen=True, slots=True)
class Taking:
    """How inputs of another signal go through a signal's codecs.

    Attributes:
        options, pack, job: as those of a `Signal`.
        is_one: whether a named input is one of these, and none of the codec's own signal: (name) -> bool.
    """

    options: Opener
    pack: Opener
    job: Opener
    is_one: Opener


@dataclass(frozen=True, slots=True)
class Signal:
    """One kind of signal.

    Attributes:
        name: as a manifest says it: "point-cloud".
        noun, plural: for people: "point cloud", "clouds of points".
        manifest: the class of its codecs' manifests (`Signal.kind`).
        formats: of its files, by suffix (lower case, with the dot), as `--format` names them.
        options: the class of the options that only this signal has (`isthmus.common.options.Options`).
        vague_suffixes: those of them that many files have which hold none: in a folder they count for nothing.
        default_codec: where none is named.
        task_codecs: where none is named and something is asked for that the default one does not do, by its verb; they
            may be of a signal that takes this one.
        default_family: where a quality is asked for and no codec is named; "" for a signal without families.
        allowance: what a cloud takes unless told otherwise.
        encoder: opens the edge half of a codec for one stream: (folder, options, engine="auto") -> `Encoder`.
        read: the signals in what a program has, be it a path, an array or a signal: (given, encoder, options, format)
            -> iterator of signals.
        cloud_half: opens the cloud half: (folder, `isthmus.cloud.half.Bench`) -> `isthmus.cloud.half.CloudCodec`.
        pack: codes what a user named, without a cloud: (job) -> iterator of `isthmus.edge.job.Packed` and failures.
        job: sends what a user named and reports what comes back: (`isthmus.edge.job.Job`) -> inputs that failed.
        inspector: what can be said of its codecs and packets: an `isthmus.codec.inspector.Inspector`.
        admission: the class of the options that say what a cloud takes of it (`isthmus.common.admission.Admission`), ""
            where nothing can be set.
        pattern: of names that are no files, as a regular expression: "camera:[0-9]+".
        message_types: of ROS messages that hold one, without "msg": "sensor_msgs/Image".
        takes: inputs of other signals that its codecs take, by those signals' names.
        is_sequence: whether one input is many frames that belong together; none is looked for in a folder.
        answer_timeout_s: how long an edge waits for the cloud unless told otherwise.
    """

    name: str
    noun: str
    plural: str
    manifest: Opener
    formats: Mapping[str, str]
    default_codec: str
    allowance: Allowance
    encoder: Opener
    read: Opener
    cloud_half: Opener
    pack: Opener
    job: Opener
    options: Opener
    inspector: Opener
    admission: Opener = ""
    vague_suffixes: tuple[str, ...] = ()
    default_family: str = ""
    task_codecs: Mapping[str, str] = field(default_factory=dict)
    takes: Mapping[str, Taking] = field(default_factory=dict)
    pattern: str = ""
    message_types: tuple[str, ...] = ()
    is_sequence: bool = False
    answer_timeout_s: float = 10.0

    @property
    def kind(self) -> type[Manifest]:
        """The class of its codecs' manifests."""
        found: type[Manifest] = opened(self.manifest)  # type: ignore[assignment]  # it gives what the signal names
        return found

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of its files."""
        return tuple(self.formats)

    def codec_for(self, asked: str = "") -> str:
        """The codec where none is named: what is asked for by a verb, or "" for nothing."""
        return self.task_codecs.get(asked, self.default_codec)

    def has_name(self, name: str) -> bool:
        """Whether a file of this name is of this signal."""
        return name.lower().endswith(self.suffixes) or bool(self.pattern and re.fullmatch(self.pattern, name))
