"""A codec as a program uses it: signals to packets, packets to what they say.

Theory of operation. `load` finds the folder and reads its manifest, no more. The edge half is opened by the first
`encode`, the cloud half by the first `decode`. Packets of images and point clouds stand alone; a frame of video may be
predicted from those before it, so whoever codes many frames does so in a `CodecStream`, which has an encoder and a
decoder of its own. `Codec.encode` and `Codec.decode` are for one signal, and give and take packets that stand alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from isthmus.codec.choice import chosen_options
from isthmus.codec.inspection import CodecInspection, PacketInspection, inspect_codec, inspect_packet
from isthmus.codec.values import value_of
from isthmus.common.bits.packet import Packet
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, opened
from isthmus.common.coded import Coded, Encoder, Predicting
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.zoo import ZooFolders, find_codec

if TYPE_CHECKING:
    from isthmus.cloud.local import LocalCloud, LocalStream


def load(
    name: str | Path,
    *,
    zoo: ZooFolders = None,
    engine: str = "auto",
    format: str = "",  # noqa: A002
    **options: Any,
) -> Codec:
    """A codec, ready to be used; its networks are opened when they are first needed.

        codec = load("pc-lite-any-q10", up="y", top_k=3)

    Args:
        name: in the zoos ("image-light-q4"), or the path of a codec's folder.
        zoo: a folder of codecs or several, searched before those that ship; None for those of ISTHMUS_ZOO.
        engine: what runs the networks: "auto", "compiled" or "onnxruntime".
        format: of files, as `isthmus edge --format` takes it; "" to tell by name or content.
        options: by name, those of the codec's signal, as the commands have them. Point clouds: `up`, `columns`,
            `points`, `top_k`. Images: `adaptation`. Videos: `mode`, `key_interval`, `vectors`, `fps`, `limit`, `top_k`.
            All: `topic`, of bags.

    Raises:
        InputError: no such codec (the message names the nearest), no such option, or a value that it cannot have.
        ManifestError: the folder is damaged.
    """
    folder = load_codec_folder(find_codec(name, zoo), needed=())
    signal = SIGNALS[folder.manifest.signal]
    return Codec(folder, chosen_options(signal, options), engine, format)


class Codec:
    """Both halves of one codec. May be used by several threads; they wait for one another.

    Args:
        folder: of the codec.
        options: of its signal.
        engine: what runs the networks.
        format: of files, "" to tell by name or content.

    Attributes:
        folder: its manifest and path.
        options: of its signal.
        signal: what it codes.
    """

    def __init__(self, folder: CodecFolder[Manifest], options: Any, engine: str = "auto", format: str = "") -> None:  # noqa: A002
        self.folder = folder
        self.options = options
        self.signal: Signal = SIGNALS[folder.manifest.signal]
        self._engine = engine
        self._format = format
        self._lock = threading.Lock()
        self._encoders: list[Encoder[Any, Any]] = []
        self._clouds: list[LocalCloud] = []

    def __repr__(self) -> str:
        return f"<Codec {self.name} of {self.signal.plural}, {self.folder.path}>"

    @property
    def name(self) -> str:
        """As its manifest says."""
        return self.manifest.name

    @property
    def manifest(self) -> Manifest:
        """Everything that edge and cloud must agree on."""
        return self.folder.manifest

    @property
    def classes(self) -> tuple[str, ...]:
        """That its labels name; () where it gives none."""
        return self.manifest.classes

    @property
    def top_k(self) -> int:
        """Labels that are wanted for each signal."""
        return int(getattr(self.options, "top_k", 1))

    def stream(self) -> CodecStream:
        """A stream of signals that belong together: the frames of a video, or any number of images or clouds."""
        return CodecStream(self)

    def encode(self, given: Any) -> Coded[Any]:
        """One signal, one packet, which stands alone: a frame of video becomes a key frame.

        Args:
            given: the path of a file; an array: points `[P, 3]` in any length unit, or uint8 sRGB pixels
                `[height, width, 3]` of an image or frame; or a `PointCloud`, `Image` or `VideoFrame`.

        Returns:
            The packet (`coded.packet`), its bits (`packet_bits`, `payload_bits`, `estimated_bits`) and its times.

        Raises:
            InputError: no signal of this codec, or several of them (see `encode_all`).
            ManifestError: the codec's folder is damaged.
            MissingDependencyError: a package that this file or signal needs is not installed.
        """
        return _encode(self._encoder(), self._lock, self, given, is_alone=True)

    def encode_all(self, given: Any) -> Iterator[Coded[Any]]:
        """The packets of many signals, in their order, as those of one stream; each is coded when it is asked for.

            for coded in load("vision-lite0-b5").encode_all("clip.mp4"): ...

        Args:
            given: the path of a folder, of a video, or of one file; an array of frames or clouds, the first axis
                counting them; or any iterable of what `encode` takes.

        Raises:
            InputError: as `encode`, where that signal's turn comes; those before it have been given.
        """
        return self.stream().encode_all(given)

    def decode(self, packet: Packet | bytes | Coded[Any], *, task: str = "") -> Any:
        """What a packet says, by the cloud half, here and without a server. No torch is needed.

        It may be called where an event loop runs, as in a notebook, and holds that up until it is done;
        `await asyncio.to_thread(codec.decode, packet)` does not.

        Args:
            packet: one that stands alone. A packet does not say which codec made it: that is for the caller to know.
            task: of the codec's, in a word or verb; "" for its first.

        Returns:
            What the task gives: `NamedLabels` of a classification, an `Image` of a reconstruction; of any other task
            its outcome as it is.

        Raises:
            PacketError: bytes that this codec's encoder does not write, as far as can be told.
            ReferenceMissingError: a predicted packet, which only a stream can decode.
            LimitExceededError: more than a cloud would take.
            InputError: no such task.
        """
        return self.stream().decode(packet, task=task)

    def decode_all(self, packets: Iterable[Packet | bytes | Coded[Any]], *, task: str = "") -> Iterator[Any]:
        """What the packets of one stream say, in their order. Raises as `decode`, where that packet's turn comes."""
        stream = self.stream()
        for packet in packets:
            yield stream.decode(packet, task=task)

    @overload
    def inspect(self) -> CodecInspection: ...
    @overload
    def inspect(self, packet: Packet | bytes | Coded[Any]) -> PacketInspection: ...
    def inspect(self, packet: Packet | bytes | Coded[Any] | None = None) -> CodecInspection | PacketInspection:
        """What is in a packet: its sections, their bits, and its symbols in words; without one, what the codec is.

        Raises:
            PacketError: bytes that this codec's encoder does not write.
        """
        if packet is None:
            return inspect_codec(load_codec_folder(self.folder.path))
        return inspect_packet(self._packet(packet), self.folder)

    def open_encoder(self) -> Encoder[Any, Any]:
        """The edge half, opened anew: for one stream, and one thread at a time."""
        found: Encoder[Any, Any] = opened(self.signal.encoder)(self.folder.path, self.options, self._engine)
        return found

    def signals(self, given: Any, encoder: Encoder[Any, Any]) -> Iterator[Any]:
        """The signals in what was given. InputError: none of this codec."""
        return iter(opened(self.signal.read)(given, encoder, self.options, self._format))

    def _encoder(self) -> Encoder[Any, Any]:
        """The one that `encode` uses."""
        with self._lock:
            if not self._encoders:
                self._encoders.append(self.open_encoder())
            return self._encoders[0]

    def _cloud(self) -> LocalCloud:
        from isthmus.cloud.local import LocalCloud

        with self._lock:
            if not self._clouds:
                self._clouds.append(LocalCloud(self.folder, self._engine))
            return self._clouds[0]

    def _packet(self, packet: Packet | bytes | Coded[Any]) -> Packet:
        if isinstance(packet, Coded):
            return packet.packet
        if isinstance(packet, Packet):
            return packet
        if not isinstance(packet, bytes | bytearray | memoryview):
            raise InputError(f"packet: expected a Packet, its bytes or a Coded, got {type(packet).__name__}")
        return Packet.from_bytes(bytes(packet), self.signal.allowance.limits.packet)


class CodecStream:
    """Signals that belong together, coded at one end and decoded at another; `Codec.stream` makes it.

    Its two ends know nothing of one another: an encoder remembers what its packets refer to, a decoder what it was
    given. Use one for as long as a video lasts. Not to be used by two threads at once.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._lock = threading.Lock() if codec.signal.is_sequence else codec._lock
        self._encoders: list[Encoder[Any, Any]] = []
        self._decoders: dict[str, LocalStream] = {}

    @property
    def encoder(self) -> Encoder[Any, Any]:
        """Of this stream; of signals that stand alone, of the codec."""
        if not self._encoders:
            is_sequence = self.codec.signal.is_sequence
            self._encoders.append(self.codec.open_encoder() if is_sequence else self.codec._encoder())
        return self._encoders[0]

    def encode(self, given: Any) -> Coded[Any]:
        """The next signal, which may be predicted from those before it. As `Codec.encode` otherwise."""
        return _encode(self.encoder, self._lock, self.codec, given, is_alone=False)

    def encode_all(self, given: Any) -> Iterator[Coded[Any]]:
        """The next signals, in their order. As `Codec.encode_all`."""
        for one in each(given):
            yield from map(self.encode_signal, self.codec.signals(one, self.encoder))

    def encode_signal(self, signal: Any) -> Coded[Any]:
        """The next signal, of the codec's own type. InputError if the codec cannot take it."""
        with self._lock:
            return self.encoder.encode(signal)

    def restart(self) -> None:
        """The next packet shall refer to no other: what holds the references has lost them, or never had them."""
        if isinstance(encoder := self.encoder, Predicting):
            encoder.force_key()

    def decode(self, packet: Packet | bytes | Coded[Any], *, task: str = "") -> Any:
        """What the next packet says; one that is refused leaves the stream as it was. As `Codec.decode` otherwise."""
        wanted = self.codec.manifest.task_for(task)
        if wanted.word not in self._decoders:
            self._decoders[wanted.word] = self.codec._cloud().open_stream(wanted, self.codec.top_k)
        outcome = self._decoders[wanted.word].answer(self.codec._packet(packet).to_bytes())
        if isinstance(outcome, IsthmusError):
            raise outcome
        return value_of(outcome, self.codec.classes)


def each(given: Any) -> Iterator[Any]:
    """What was given, one by one; a path, or what is no iterable, is one. InputError for a single number."""
    if isinstance(given, str | Path) or not hasattr(given, "__iter__"):
        yield given
        return
    yield from given


def _encode(
    encoder: Encoder[Any, Any], lock: threading.Lock, codec: Codec, given: Any, *, is_alone: bool
) -> Coded[Any]:
    signals = codec.signals(given, encoder)
    found = list(islice(signals, 2))
    if len(found) != 1:
        name = f"{given}" if isinstance(given, str | Path) else type(given).__name__
        how_many = "several; encode_all takes many" if found else "none"
        raise InputError(f"{name}: expected one signal of {codec.signal.plural}, got {how_many}")
    with lock:
        if is_alone and isinstance(encoder, Predicting):
            encoder.force_key()
        return encoder.encode(found[0])
