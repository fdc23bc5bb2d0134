"""A task as a value: what is asked for, how its outcome is read and told. `isthmus.common.tasks` has them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from isthmus.common import protocol

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a result must answer.

    Attributes:
        opening: what the stream was opened with.
        top_k: labels granted for each signal.
        signal_count: signals of the packet.
        class_names: of the codec, () where its tasks give no labels.
    """

    opening: protocol.OpenStream
    top_k: int
    signal_count: int
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome as people and programs are told it.

    Attributes:
        cells: one for each of the task's columns.
        fields: of a JSON object.
    """

    cells: tuple[str, ...]
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """One task.

    Attributes:
        number: in messages (`isthmus.v1.Task`; others take numbers from 1,000 on).
        word: in manifests and for people.
        read: the outcome of one frame, of what came over the wire. MessageError if it is not what was asked for.
        columns: headings of a table; those that end in "*" are of numbers, and set to the right.
        tell: an outcome of one signal, by the codec's class names.
        wants: what a stream of it may ask for besides: "pixels", "state_crc32".
        verb: what a person asks for, "classify"; tasks that come to the same have the same. "" for the word itself.
    """

    number: int
    word: str
    read: Callable[[protocol.Outcome, Asked], T]
    columns: tuple[str, ...]
    tell: Callable[[T, tuple[str, ...]], Told]
    wants: frozenset[str] = frozenset()
    verb: str = ""

    @property
    def asked_as(self) -> str:
        """What a person asks for to get it."""
        return self.verb or self.word
