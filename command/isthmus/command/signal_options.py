"""The options of every signal, and those that commands share: a codec and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, Taking, opened
from isthmus.common.options import Options, option
from isthmus.common.tasks import verbs


def options_of(way: Signal | Taking) -> type[Options]:
    """The class of the options that only one signal has, or inputs that go through codecs of another."""
    kind: type[Options] = opened(way.options)  # type: ignore[assignment]  # it gives what the signal names
    return kind


def ways_of(signal: Signal) -> tuple[Signal | Taking, ...]:
    """How inputs go through a signal's codecs: its own, and those of others that they take."""
    return signal, *signal.takes.values()


SIGNAL_KINDS = tuple(options_of(way) for signal in SIGNALS.values() for way in ways_of(signal))


_OTHER_CODECS = ", ".join(
    f"--task {verb} of {signal.plural} takes {codec}"
    for signal in SIGNALS.values()
    for verb, codec in signal.task_codecs.items()
)
_USUAL_TASKS = f"what the codec does; {_OTHER_CODECS}"


def _any_of(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def zoo_option() -> Any:
    """The option `--zoo` of every command that looks for codecs; what it gives is for `isthmus.common.zoo`."""
    return option(
        (),
        "Folder of codecs, searched before those that ship; may be given again for more. [env: ISTHMUS_ZOO]",
        metavar="DIR",
    )


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """Which codec, of what inputs.

    Attributes:
        codec: a codec's name, its folder, or a family's name; "" for the default of the inputs' signal and the task.
        task: what the cloud is to do, in a verb; "" for what the codec does.
        zoo: folders of codecs, searched in order, before those that ship.
        format: of the inputs, "" to tell by their names.
        engine: what runs the networks.
    """

    panel: ClassVar[str] = "Codec"
    codec: str = option(
        "",
        "A codec's name or the path of its folder, or a family of image codecs.",
        automatic=", ".join(f"{signal.default_codec} for {signal.plural}" for signal in SIGNALS.values()),
    )
    task: str = option("", f"What is asked for: {_any_of(verbs())}.", automatic=_USUAL_TASKS, metavar="VERB")
    zoo: tuple[Path, ...] = zoo_option()
    format: str = option("", "Format of the files.", automatic="by suffix; needed for a point cloud from -")
    engine: str = option("auto", "What runs the networks: auto, compiled or onnxruntime.", metavar="NAME")


@dataclass(frozen=True, slots=True)
class NamedCodecOptions:
    """Which codec, of bytes that name theirs.

    Attributes:
        codec: a codec's name or its folder; "" for the one that the bytes name.
        zoo: folders of codecs, searched in order, before those that ship.
    """

    panel: ClassVar[str] = "Codec"
    codec: str = option("", "A codec's name or the path of its folder.", automatic="by the file's header")
    zoo: tuple[Path, ...] = zoo_option()
