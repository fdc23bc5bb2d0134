"""Cuts at several tensors together: what is alive at a place of the graph, without what the rest makes again.

At a place in the order of a network's nodes, the tensors that were made before it and are read behind it cut the
network in two: of a U-Net the skips and what lies below them, of a detector the levels of its pyramid. One of them that
follows from the others without a multiplication, by a pooling say, is left out: the cloud makes it again for nothing.
Nodes are taken in two orders, the file's and the latest that will do, since a file may have parallel branches in any.

Constants are in both halves, and sizes that are worked out are constants (`shape_constants`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import onnx
from onnx import TensorProto

from isthmus.common.errors import InputError
from isthmus.common.manifest.manifest import MAX_STRIDE
from isthmus.split.branches import reads
from isthmus.split.cuts import (
    CUT_KINDS,
    GROWTH,
    MAX_LATENT_CHANNELS,
    PASSED_ON,
    Cut,
    CutTensor,
    find_cuts,
    layer_macs,
    stride_by,
)
from isthmus.split.network import Network, inferred, needed
from isthmus.split.shape_constants import dependent, without_shapes

MOST_TENSORS = 8
"""Of a cut."""
MOST_OFFERED = 24
"""Cuts of several tensors that a plan lists."""
NEARBY = 0.1
"""Of all multiply-accumulates: so close to a cut of fewer tensors and numbers, one of more is not offered."""


def all_cuts(network: Network) -> tuple[Cut, ...]:
    """Cuts of a network of one size, by their multiply-accumulates: all of one tensor, the best of several.

    Raises:
        InputError: the network takes any size, or has no cut at all.
    """
    try:
        singles = find_cuts(network)
    except InputError as error:
        several = several_cuts(network)
        if not several:
            raise InputError(f"{error}; no {MOST_TENSORS} tensors or fewer will do together") from error
        return several
    return tuple(sorted((*singles, *several_cuts(network, singles)), key=lambda cut: cut.edge_macs))


def find_cut(network: Network, at: str) -> Cut:
    """The cut at a tensor, or at several, comma apart. InputError, naming those there are, if there is none."""
    names = [word.strip() for word in at.split(",") if word.strip()]
    if len(names) > 1:
        return _cut_at(network, names)
    try:
        cuts = find_cuts(network)
    except InputError:
        cuts = ()
    for cut in cuts:
        if cut.tensor == at:
            return cut
    try:
        return _cut_at(network, names)
    except InputError as error:
        offered = cuts or all_cuts(network)
        shown = [cut.tensor for cut in offered if not cut.is_passed_on]
        near = difflib.get_close_matches(at, [cut.tensor for cut in offered], n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        exists = any(at in node.output for node in network.nodes)
        why = "which does not cut the network in two" if exists else "which it has not"
        raise InputError(
            f"{network.name}: expected a tensor among {', '.join(shown)}; got {at!r}, {why}{meant}"
        ) from error


def several_cuts(network: Network, singles: Sequence[Cut] = ()) -> tuple[Cut, ...]:
    """The best cuts of up to 8 tensors, in the order of their multiply-accumulates.

    Args:
        network: of one size.
        singles: cuts of one tensor that are known; a cut of more that does no better than one nearby is left out.
    """
    whole = without_shapes(network)
    graph = _Graph(whole, network)
    known = {cut.tensor for cut in singles}
    sets = dict.fromkeys(
        s
        for order in _orders(whole)
        for s in graph.alive(order)
        if 1 <= len(s) <= MOST_TENSORS and not (len(s) == 1 and s[0] in known)
    )
    found: dict[int, Cut] = {}
    for names in sets:
        cut = graph.cut(names)
        if cut is None or cut.is_passed_on or not cut.edge_macs:
            continue
        # Of several with the same layers before them, the one of the fewest numbers.
        held = found.get(cut.edge_macs)
        if held is None or cut.latents < held.latents:
            found[cut.edge_macs] = cut
    rivals = [*singles, *found.values()]
    kept = [cut for cut in found.values() if not any(_is_better(rival, cut) for rival in rivals)]
    kept.sort(key=lambda cut: (len(cut.tensors), cut.latents))
    return tuple(sorted(kept[:MOST_OFFERED], key=lambda cut: cut.edge_macs))


def _is_better(rival: Cut, cut: Cut) -> bool:
    """Whether a cut nearby has fewer tensors and no more numbers."""
    near = abs(rival.edge_macs - cut.edge_macs) < NEARBY * (cut.edge_macs + cut.cloud_macs)
    return near and len(rival.tensors) < len(cut.tensors) and rival.latents <= cut.latents


def _cut_at(network: Network, names: Sequence[str]) -> Cut:
    """The cut at tensors that somebody named. InputError, saying what is wrong with them."""
    whole = without_shapes(network)
    made = {tensor for node in whole.nodes for tensor in node.output}
    asked = ", ".join(names)
    for name in names:
        if name not in made:
            near = difflib.get_close_matches(name, made, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise InputError(f"{network.name}: expected tensors of the network, got {name!r}, which it has not{meant}")
    if len(set(names)) != len(names) or len(names) > MOST_TENSORS:
        raise InputError(f"{network.name}: expected up to {MOST_TENSORS} tensors, all different, got {asked}")
    after = needed(whole.nodes, names, whole.output_names)
    if any(whole.input_name in reads(node) for node in after):
        raise InputError(f"{network.name}: at {asked} the network is not cut in two: a path leads around them")
    graph = _Graph(whole, network)
    needless = set(names) - graph.reduced(names)
    needless |= {name for name in names if not any(name in reads(node) for node in after)}
    if needless:
        raise InputError(
            f"{network.name}: expected tensors of which none follows from the others, got {asked}: "
            f"{', '.join(sorted(needless))} may be left out"
        )
    cut = graph.cut(names)
    if cut is None:
        raise InputError(
            f"{network.name}: expected tensors of floats [1, M, h, w] of strides of up to {MAX_STRIDE}, each the "
            f"largest or that divided by 2, 4, 8 and so on, got {', '.join(graph.told(name) for name in names)}"
        )
    return cut


class _Graph:
    """A network of one size, looked at for cuts."""

    def __init__(self, network: Network, as_read: Network) -> None:
        self._network = network
        larger = [1, 3, network.height + GROWTH, network.width + GROWTH]
        # Of the network as it was read: constants in place of sizes would say that nothing grows.
        self._larger = inferred(as_read.model, network.input_name, larger, wants_all=False)
        self._macs = layer_macs(network)
        self._values = dependent(network.nodes, network.input_name)
        self._maker = {tensor: node for node in network.nodes for tensor in node.output if tensor}
        self._cost = {n.output[0]: m for n, m in zip(network.nodes, self._macs, strict=True)}
        self._strides: dict[str, int] = {}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in network.nodes:
            for tensor in reads(node):
                self._readers.setdefault(tensor, []).append(node)

    def alive(self, order: Sequence[onnx.NodeProto]) -> Iterator[tuple[str, ...]]:
        """Of each place of an order what is alive there, reduced; in the order of the network's nodes."""
        last = {tensor: place for place, node in enumerate(order) for tensor in reads(node)}
        last |= dict.fromkeys(self._network.output_names, len(order))
        alive, frame, seen = dict[str, None](), self._network.input_name, set[tuple[str, ...]]()
        for place, node in enumerate(order):
            alive |= dict.fromkeys(t for t in node.output if t in self._values and last.get(t, -1) > place)
            for tensor in [t for t in alive if last[t] <= place]:
                del alive[tensor]
            whole = tuple(alive)
            if last.get(frame, -1) > place or len(whole) > 2 * MOST_TENSORS or whole in seen:
                continue
            seen.add(whole)
            kept = self.reduced(whole)
            yield tuple(t for n in self._network.nodes for t in n.output if t in kept)

    def reduced(self, names: Iterable[str]) -> set[str]:
        """Without those that follow from the others for nothing."""
        kept = list(names)
        for name in reversed(list(kept)):
            others = set(kept) - {name}
            if self._follows(name, others):
                kept.remove(name)
        return set(kept)

    def _follows(self, tensor: str, given: set[str]) -> bool:
        """Whether a tensor can be made of the given ones without a multiplication that is counted."""
        known, pending = set(given), [tensor]
        while pending:
            name = pending.pop()
            if name in known:
                continue
            if name == self._network.input_name or self._cost[self._maker[name].output[0]]:
                return False
            known.add(name)
            pending += [i for i in reads(self._maker[name]) if i in self._values]
        return True

    def cut(self, names: Sequence[str]) -> Cut | None:
        """The cut at these tensors, None where they are none that latents may be of."""
        network, tensors = self._network, []
        for name in names:
            shape, kind = network.shape(name), network.kinds.get(name, TensorProto.FLOAT)
            if kind not in CUT_KINDS or len(shape) != 4 or shape[0] != 1 or min(shape[2:]) < 2:
                return None
            if not 1 <= shape[1] <= MAX_LATENT_CHANNELS or name in network.output_names:
                return None
            if name not in self._strides:
                self._strides[name] = stride_by(network, name, self._larger)
            tensors.append(CutTensor(name, (shape[1], shape[2], shape[3]), self._strides[name], kind))
        if not fit_together(tensors):
            return None
        before = {id(node) for node in needed(network.nodes, network.input_name, names)}
        edge = sum(m for node, m in zip(network.nodes, self._macs, strict=True) if id(node) in before)
        is_passed_on = any(all(n.op_type in PASSED_ON for n in self._readers.get(name, ())) for name in names)
        return Cut(tuple(tensors), edge, sum(self._macs) - edge, is_passed_on)

    def told(self, name: str) -> str:
        """A tensor in words."""
        kind = TensorProto.DataType.Name(self._network.kinds.get(name, 0)).lower()
        shape = list(self._network.shape(name))
        stride = f" of stride {self._strides[name]}" if name in self._strides else ""
        return f"{name} {kind} {shape}{stride}"


def fit_together(tensors: Sequence[CutTensor]) -> bool:
    """Whether all strides are the largest divided by a power of two, and sides fit."""
    coarsest = max(tensors, key=lambda t: t.stride)
    for t in tensors:
        if not 1 <= t.stride <= MAX_STRIDE or coarsest.stride % t.stride:
            return False
        times = coarsest.stride // t.stride
        sides = zip(t.shape[1:], coarsest.shape[1:], strict=True)
        if times & (times - 1) or any(-(-side // times) != least for side, least in sides):
            return False
    return True


def _orders(network: Network) -> Iterator[Sequence[onnx.NodeProto]]:
    """The file's order, and the one in which every node waits until it is needed."""
    yield network.nodes
    maker: Mapping[str, onnx.NodeProto] = {t: node for node in network.nodes for t in node.output if t}
    done, order = set[int](), list[onnx.NodeProto]()
    for output in network.output_names:
        pending = [(maker[output], False)] if output in maker else []
        while pending:
            node, is_ready = pending.pop()
            if id(node) in done:
                continue
            if is_ready:
                done.add(id(node))
                order.append(node)
                continue
            pending.append((node, True))
            pending += [(maker[i], False) for i in reversed(reads(node)) if i in maker]
    yield order
