"""Engines: what runs a frozen network. One small protocol, and the one place where a graph is opened.

Theory of operation. An `Engine` opens files of one kind (ONNX Runtime `.onnx`, the compiled engine `.npz`) as a
`Network`, and a network turns arrays by name into arrays: `network.run({"points": points})`. A codec names its networks
by their stem: `open_half(folder, "edge", ...)` runs `edge.npz` where the compiled engine was built and the codec has
that file, else `edge.onnx`. Halves that make or read symbols are exact integers, so no choice of engine changes a bit.

`ENGINES` is a plain dict, tried in its order. To add an engine is to put a value there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, ManifestError, MissingDependencyError
from isthmus.common.manifest.codec_file import Source
from isthmus.common.manifest.folder import CodecFolder
from isthmus.runtime.onnx_runtime import OnnxRuntime
from isthmus.runtime.pointwise import CompiledEngine

Array = npt.NDArray[Any]

AUTO = "auto"
"""The first engine that can run here and has a file of the codec."""


@dataclass(frozen=True, slots=True)
class End:
    """One input or output that a graph must have.

    Attributes:
        name: of the tensor.
        element: what it holds, "float" or "int32".
        size: length of `axis`, the one the manifest decides; None where none does.
        axis: usually the channels.
    """

    name: str
    element: str
    size: int | None
    axis: int = 1


class Network(Protocol):
    """A frozen network, opened. One run at a time, unless its engine says more."""

    @property
    def ends(self) -> tuple[tuple[str, str, tuple[int | str | None, ...]], ...]:
        """Name, element ("float", "int32") and shape of every input, then of every output."""

    def run(self, feeds: Mapping[str, Array]) -> Sequence[Array]:
        """All outputs, in their order, of inputs by name."""


class Engine(Protocol):
    """What opens networks."""

    name: str
    """As `--engine` names it."""
    suffix: str
    """Of the files it opens."""

    def missing(self) -> str:
        """Why it cannot run here and what to do about it; "" if it can."""

    def open(self, graph: Source | bytes, threads: int, *, optimizes: bool = True) -> Network:
        """Opens a file, or the bytes of one. `optimizes` off runs the graph as it is written, where there is a choice.

        Raises:
            InputError: nothing that this engine can run.
        """


ENGINES: dict[str, Engine] = {engine.name: engine for engine in (CompiledEngine(), OnnxRuntime())}


def engine_named(name: str) -> Engine:
    """The engine of a name. InputError if there is none, MissingDependencyError if it cannot run here."""
    if name not in ENGINES:
        raise InputError(f"engine: expected one of {', '.join((AUTO, *ENGINES))}, got {name!r}")
    if missing := ENGINES[name].missing():
        raise MissingDependencyError(missing)
    return ENGINES[name]


def open_graph(
    graph: Source | bytes, threads: int = 1, engine: str = OnnxRuntime.name, *, optimizes: bool = True
) -> Network:
    """A network whose ends the caller knows: a file, or a graph in memory.

    Raises:
        InputError: nothing that the engine can run, or no such engine.
        MissingDependencyError: the engine cannot run here.
    """
    return engine_named(engine).open(graph, threads, optimizes=optimizes)


def open_network(
    path: Source, ends: tuple[End, ...], threads: int = 1, engine: str = OnnxRuntime.name, *, has_others: bool = False
) -> Network:
    """The network in a file, its ends checked.

    Args:
        path: a file that the engine opens.
        ends: its inputs, then its outputs, all of them.
        threads: threads of one run. One is fastest where edge and cloud share a machine.
        engine: by name.
        has_others: whether it may have more outputs than those.

    Raises:
        ManifestError: nothing that the engine can run, or with other ends.
        InputError: no such engine.
        MissingDependencyError: the engine cannot run here.
    """
    opener = engine_named(engine)
    try:
        network = opener.open(path, threads)
    except InputError as error:
        raise ManifestError(str(error)) from error
    expected = tuple((end.name, end.element, end.size) for end in ends)
    found = network.ends[: len(ends)] if has_others else network.ends
    wanted = ends if len(ends) == len(found) else [End("", "", 0)] * len(found)
    actual = tuple(
        (name, element, None if end.size is None else _length(shape, end.axis))
        for (name, element, shape), end in zip(found, wanted, strict=True)
    )
    if actual != expected:
        raise ManifestError(f"{path}: expected a graph {expected}, got {actual}")
    return network


def choose_engine(folder: CodecFolder[Any], stem: str, asked: str = AUTO) -> Engine:
    """The engine that will run one of a codec's networks.

    Args:
        folder: of the codec.
        stem: of the network's files: "edge" of edge.npz and edge.onnx.
        asked: an engine's name, or `AUTO`.

    Raises:
        InputError: no such engine.
        MissingDependencyError: the engine asked for cannot run here.
        ManifestError: the codec has no file of the kind that it opens.
    """
    if asked != AUTO:
        engine = engine_named(asked)
        if not folder.has_file(stem + engine.suffix):
            raise ManifestError(
                f"{folder.path}: codec {folder.manifest.name} has no {stem}{engine.suffix}, which the engine "
                f"{engine.name} runs; use the engine {AUTO}"
            )
        return engine
    known = [engine for engine in ENGINES.values() if folder.has_file(stem + engine.suffix) and not engine.missing()]
    # A device may hold one of several files only.
    there = [engine for engine in known if (folder.path / (stem + engine.suffix)).is_file()]
    if not known:
        raise ManifestError(f"{folder.path}: codec {folder.manifest.name} has no {stem} that an engine here can run")
    return (there or known)[-1 if not there else 0]


def open_half(
    folder: CodecFolder[Any],
    stem: str,
    ends: tuple[End, ...],
    threads: int = 1,
    engine: str = AUTO,
    *,
    has_others: bool = False,
) -> Network:
    """One of a codec's networks, its file checked by its hash and its ends by the manifest. Errors as of the parts."""
    chosen = choose_engine(folder, stem, engine)
    file = stem + chosen.suffix
    return open_network(folder.read(file), ends, threads, chosen.name, has_others=has_others)


def run_exact(network: Network, what: str, name: str, symbols: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """One run of a network of exact integers on one input, its integers taken out of their floats.

    Args:
        network: of one input and one output.
        what: the network, for the message.
        name: of its input.
        symbols: int32 `[...]`, without the batch axis.

    Raises:
        ManifestError: a value is no integer.
    """
    floats: npt.NDArray[np.float32] = network.run({name: symbols[None]})[0][0]
    with np.errstate(invalid="ignore"):  # what does not fit in 32 bits comes out different, and is named below
        integers = floats.astype(np.int32)
    if not np.array_equal(integers, floats):
        raise ManifestError(f"{what}: expected a graph of exact integers, got a value that is none")
    return integers


def _length(shape: tuple[int | str | None, ...], axis: int) -> int | str | None:
    return shape[axis] if -len(shape) <= axis < len(shape) else None
