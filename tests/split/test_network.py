"""Networks of others: read, their cuts found, their MACs counted; made by torch, not by this project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from support import tiny_networks
from support.macs import graph_macs

from isthmus.common.errors import InputError
from isthmus.models.video.classifier import SplitClassifier, SplitShape
from isthmus.models.video.classifier_graph import LATENTS, split_graph
from isthmus.split.cuts import Cut, fills_any_grid, find_cuts, separators, stride_of
from isthmus.split.graphs import open_model
from isthmus.split.halves import cut_halves, takes_any_size, unquantised
from isthmus.split.network import load_network, part, read_network
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.quantiser import Quantiser
from isthmus.split.several import find_cut

Float32 = npt.NDArray[np.float32]


def frame(height: int, width: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).integers(0, 256, (1, 3, height, width)).astype(np.float32)


def cuts_by_shape(cuts: tuple[Cut, ...]) -> list[tuple[tuple[int, int, int], int]]:
    return [(cut.shape, cut.stride) for cut in cuts]


@pytest.mark.parametrize("kind", ["fixed", "any"])
def test_cuts_are_what_every_path_crosses(tmp_path: Path, kind: str) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, kind))
    assert network.is_sized == (kind == "fixed")
    network = network.sized(32, 48)
    found = find_cuts(network)
    # Stem, stem after its ReLU, pooled, the sum of the two branches, its ReLU, the last convolution and its ReLU;
    # nothing inside of the branches.
    assert cuts_by_shape(found) == [
        ((8, 16, 24), 2),
        ((8, 16, 24), 2),
        ((8, 8, 12), 4),
        ((8, 8, 12), 4),
        ((8, 8, 12), 4),
        ((12, 4, 6), 8),
        ((12, 4, 6), 8),
    ]
    assert [cut.is_passed_on for cut in found] == [True, False, False, True, False, True, False]
    inside = {t for node in network.nodes for t in node.output} - set(separators(network))
    with pytest.raises(InputError, match="does not cut the network in two"):
        find_cut(network, next(t for t in sorted(inside) if t != network.output_name))


def test_macs_are_those_of_a_count_by_hand(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    stem = 8 * 3 * 3 * 3 * 16 * 24
    branches = (8 * 8 * 3 * 3 + 8 * 4 * 1 * 1 + 4 * 8 * 3 * 3 // 4) * 8 * 12
    last = 12 * 8 * 3 * 3 * 4 * 6
    total = stem + branches + last + 12 * 5
    edges = [stem, stem, stem, stem + branches, stem + branches, total - 60, total - 60]
    cuts = find_cuts(network)
    assert [cut.edge_macs for cut in cuts] == edges
    assert {cut.edge_macs + cut.cloud_macs for cut in cuts} == {total}


def test_a_wrong_tensor_names_those_there_are(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    names = [cut.tensor for cut in find_cuts(network) if not cut.is_passed_on]
    with pytest.raises(InputError) as caught:
        find_cut(network, names[0] + "x")
    message = str(caught.value)
    assert all(name in message for name in names)
    assert "which it has not" in message
    assert f"did you mean {names[0]}?" in message


@pytest.mark.parametrize("kind", ["fixed", "any"])
def test_halves_give_what_the_whole_gives(tmp_path: Path, kind: str) -> None:
    path = tiny_networks.write_branches(tmp_path, kind)
    whole = load_network(path)
    run = open_model(whole.model)
    sized = whole.sized(32, 48)
    for cut in find_cuts(sized):
        free = takes_any_size(whole, cut)
        assert free == (kind == "any")
        halves = cut_halves(sized, cut, Preprocessing(), unquantised(cut), free=free)
        edge, cloud = open_model(halves.edge), open_model(halves.cloud)
        for size in ((32, 48), (64, 40)) if free else ((32, 48),):
            x = frame(*size)
            y = edge(x)
            assert y.shape == (1, cut.shape[0], size[0] // cut.stride, size[1] // cut.stride)
            np.testing.assert_allclose(cloud(y), run(x), rtol=1e-4, atol=1e-5)
        assert [o.version for o in halves.edge.opset_import] == [o.version for o in whole.model.opset_import]


def test_halves_hold_only_what_they_need(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    cut = find_cuts(network)[2]
    halves = cut_halves(network, cut, Preprocessing(), unquantised(cut), free=False)
    for model in (halves.edge, halves.cloud):
        used = {name for node in model.graph.node for name in node.input}
        assert {c.name for c in model.graph.initializer} <= used
    weights = sum(len(m.graph.initializer) for m in (halves.edge, halves.cloud))
    assert weights <= len(network.model.graph.initializer)
    assert len(halves.edge.graph.node) < len(network.nodes)


def test_preprocessing_is_what_the_numbers_say(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    run, cut = open_model(network.model), find_cuts(network)[0]
    x = frame(32, 48)
    mean, std = (0.48, 0.45, 0.40), (0.2, 0.3, 0.25)
    halves = cut_halves(network, cut, Preprocessing(mean, std, "bgr", 1), unquantised(cut), free=False)
    prepared = (x[:, ::-1] / 255 - np.reshape(mean, (1, 3, 1, 1))) / np.reshape(std, (1, 3, 1, 1))
    expected = run(prepared.astype(np.float32))
    np.testing.assert_allclose(open_model(halves.cloud)(open_model(halves.edge)(x)), expected, rtol=1e-3, atol=1e-4)


def test_steps_and_centres_are_inside_of_the_halves(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    cut = find_cuts(network)[3]
    rng = np.random.default_rng(1)
    channels = cut.shape[0]
    quantiser = Quantiser(
        rng.uniform(0.1, 3, channels).astype(np.float32), rng.normal(size=channels).astype(np.float32), -127, 127
    )
    plain = cut_halves(network, cut, Preprocessing(), unquantised(cut), free=False)
    halves = cut_halves(network, cut, Preprocessing(), quantiser, free=False)
    x = frame(32, 48)
    latents = open_model(plain.edge)(x)[0]
    y = open_model(halves.edge)(x)
    np.testing.assert_array_equal(np.clip(np.rint(y[0]), -127, 127).astype(np.int32), quantiser.quantise(latents))
    restored = open_model(plain.cloud)(quantiser.dequantise(np.rint(y[0]).astype(np.int32))[None])
    np.testing.assert_allclose(open_model(halves.cloud)(np.rint(y)), restored, rtol=1e-4, atol=1e-5)


def test_a_quantiser_of_other_channels_is_refused(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    first, last = find_cuts(network)[0], find_cuts(network)[-1]
    with pytest.raises(InputError, match="expected 12 steps"):
        cut_halves(network, last, Preprocessing(), unquantised(first), free=False)


def test_valid_convolutions_do_not_fill_the_grid(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_unpadded(tmp_path))
    sized = network.sized(35, 35)
    cut = find_cuts(sized)[0]
    assert cut.stride == 2  # though 35 / 17 is not
    assert cut.shape[1:] == (17, 17)
    assert not fills_any_grid(sized, cut.tensor, cut.stride)
    assert not takes_any_size(network, cut)


def test_a_size_that_the_network_is_not_made_for(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    with pytest.raises(InputError, match="32 x 48"):
        network.sized(64, 64)
    free = load_network(tiny_networks.write_branches(tmp_path, "any"))
    with pytest.raises(InputError, match="--size"):
        find_cuts(free)


def test_strides_that_differ_down_and_right_are_no_cut() -> None:
    network = read_network(tiny_networks.uneven_model(), "uneven")
    assert stride_of(network, "uneven") == 0
    assert [cut.tensor for cut in find_cuts(network)] == ["even"]


def test_a_network_without_a_cut() -> None:
    with pytest.raises(InputError, match="every path from frame to logits"):
        find_cuts(read_network(tiny_networks.two_ways_model(), "two ways"))


@pytest.mark.parametrize(
    ("shape", "kind", "match"),
    [
        ([1, 3, 16], TensorProto.FLOAT, r"float32 \[1, 3, H, W\]"),
        ([1, 4, 16, 16], TensorProto.FLOAT, r"float32 \[1, 3, H, W\].* got x float \[1, 4, 16, 16\]"),
        ([1, 16, 16, 1], TensorProto.FLOAT, r"float32 \[1, 3, H, W\]"),
        ([1, 3, 16, 16], TensorProto.INT64, r"float32 \[1, 3, H, W\], or uint8, .* got x int64"),
        ([1, 3, 16, "W"], TensorProto.FLOAT, "both sides"),
    ],
)
def test_inputs_that_are_no_frame(shape: list[int | str], kind: int, match: str) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["out"])],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("out", kind, None)],
    )
    with pytest.raises(InputError, match=match):
        read_network(helper.make_model(graph), "bad")


def test_files_that_are_no_network(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="readable"):
        load_network(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\xff" * 40)
    with pytest.raises(InputError, match="ONNX graph"):
        load_network(tmp_path / "bad.onnx")


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    model = onnx.load(tiny_networks.write_branches(tmp_path, "fixed"))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    with pytest.raises(InputError, match="one input"):
        read_network(model, "two")


def test_an_old_operator_set_is_refused(tmp_path: Path) -> None:
    model = onnx.load(tiny_networks.write_branches(tmp_path, "fixed"))
    model.opset_import[0].version = 6
    with pytest.raises(InputError, match="operator set 7"):
        read_network(model, "old")


def test_a_part_keeps_its_ends(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    cuts = find_cuts(network)
    between = part(network, cuts[0].tensor, cuts[2].tensor, "between")
    assert [i.name for i in between.graph.input] == [cuts[0].tensor]
    assert [o.name for o in between.graph.output] == [cuts[2].tensor]


@pytest.mark.parametrize(
    "changes", [{"std": (0.0, 1.0, 1.0)}, {"mean": (float("nan"), 0.0, 0.0)}, {"order": "gbr"}, {"top": 2}]
)
def test_preprocessing_out_of_range(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected"):
        Preprocessing(**changes)  # type: ignore[arg-type]


def test_macs_are_counted_where_a_graph_works_its_shapes_out(tmp_path: Path) -> None:
    """The cloud's half pads odd sides to even ones as it runs, so shapes behind that cannot be read off the graph."""
    graph = split_graph(SplitClassifier(SplitShape(3, 4, (4, 6, 6, 6), (6, 8), 1)).eval())
    onnx.save(graph, tmp_path / "split.onnx")
    network = read_network(graph, "split").sized(64, 64)
    made = [node.output[0] for node in network.nodes if node.op_type == "Conv"]
    assert any(min(network.shape(tensor)) < 0 for tensor in made)
    cut = find_cut(network, LATENTS)
    assert cut.edge_macs + cut.cloud_macs == graph_macs(tmp_path / "split.onnx", 1, 3, 64, 64)
