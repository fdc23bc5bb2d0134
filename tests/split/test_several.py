"""Cuts at several tensors: found in networks that torch exports, named by a person, their halves the whole network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.command_line import isthmus

pytest.importorskip("torch")

from isthmus.common.errors import InputError
from isthmus.measure.cuts.networks import Dense, Pyramid, Yolo, exported
from isthmus.measure.cuts.rewriting import quantised, with_newer_ir
from isthmus.measure.cuts.run import CaseRow, measure_case, summary_of
from isthmus.models.shapes.networks import UNet
from isthmus.split.cuts import Cut
from isthmus.split.network import Network, load_network, read_network
from isthmus.split.options import PlanOptions
from isthmus.split.plan import plan_cuts
from isthmus.split.plane_halves import compare, cut_planes, open_ends, takes_any_size_at
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.recognition import recognised
from isthmus.split.several import all_cuts, find_cut
from isthmus.split.shape_constants import without_shapes

SIZE = (32, 48)


@pytest.fixture(scope="module")
def unet() -> onnx.ModelProto:
    return exported(UNet(), SIZE, ("mask",))


def network(model: onnx.ModelProto) -> Network:
    return read_network(model, "net", task="tensors")


def several(whole: Network) -> list[Cut]:
    return [cut for cut in all_cuts(whole) if len(cut.tensors) > 1]


def noise(seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=(1, 3, *size)).astype(np.float32)


def test_a_u_net_is_cut_below_its_skips(unet: onnx.ModelProto) -> None:
    cuts = several(network(unet))
    below = [cut for cut in cuts if len(cut.tensors) == 3]
    assert [t.stride for t in below[0].tensors] == [1, 2, 4]
    assert below[0].coarsest is below[0].tensors[2]
    assert below[0].latents == 8 * 32 * 48 + 12 * 16 * 24 + 16 * 8 * 12
    for cut in cuts:
        equal = compare(network(unet), cut_planes(network(unet), cut, Preprocessing(), free=False), [noise()])
        assert equal.is_exact
        assert equal.largest < 1e-5


def test_sizes_that_a_graph_works_out_are_constants() -> None:
    whole = network(exported(UNet(resizes=True), (34, 52), ("mask",)))
    assert any(node.op_type == "Shape" for node in whole.nodes)
    fixed = without_shapes(whole)
    assert not any(node.op_type == "Shape" for node in fixed.nodes)
    x = noise(1, (34, 52))
    np.testing.assert_array_equal(open_ends(fixed.model)(x)[0], open_ends(whole.model)(x)[0])
    cut = next(cut for cut in several(whole) if len(cut.tensors) == 3)
    assert [t.shape[1:] for t in cut.tensors] == [(34, 52), (17, 26), (9, 13)]
    assert compare(whole, cut_planes(whole, cut, Preprocessing(), free=False), [x]).is_exact


def test_preprocessing_lies_before_the_cut(unet: onnx.ModelProto) -> None:
    whole, treated = network(unet), Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "bgr", 1)
    halves = cut_planes(whole, several(whole)[0], treated, free=False)
    x = np.random.default_rng(3).integers(0, 256, (1, 3, *SIZE)).astype(np.float32)
    mean, std = (np.reshape(v, (1, 3, 1, 1)) for v in (treated.mean, treated.std))
    expected = open_ends(whole.model)(((x[:, ::-1] / 255 - mean) / std).astype(np.float32))[0]
    np.testing.assert_allclose(open_ends(halves.cloud)(*open_ends(halves.edge)(x))[0], expected, rtol=1e-3, atol=1e-4)


def test_a_cut_is_named_by_its_tensors(unet: onnx.ModelProto) -> None:
    whole = network(unet)
    wanted = several(whole)[0]
    assert find_cut(whole, wanted.tensor) == wanted
    assert find_cut(whole, ", ".join(t.name for t in wanted.tensors)) == wanted
    first, second, third = (t.name for t in wanted.tensors)
    # The cloud may make the last one again.
    assert find_cut(whole, f"{first},{second}").edge_macs < wanted.edge_macs
    pooled = next(node.output[0] for node in whole.nodes if node.op_type == "MaxPool")
    for at, why in (
        (f"{first},{second},{third},{pooled}", f"{pooled} may be left out"),
        (f"{first},{second},{third}x", f"which it has not.*did you mean {third}"),
        (f"{first},{first}", "all different"),
        (f"{second},{third}", "a path leads around"),
    ):
        with pytest.raises(InputError, match=why):
            find_cut(whole, at)


def test_a_tensor_alone_that_does_not_cut_is_told_of(unet: onnx.ModelProto) -> None:
    whole = network(unet)
    deep = several(whole)[0].tensors[2].name
    with pytest.raises(InputError, match=r"expected a tensor among .*which does not cut the network in two"):
        find_cut(whole, deep)


def test_types_other_than_floats_are_passed_over(unet: onnx.ModelProto) -> None:
    whole = network(quantised(unet))
    cuts = several(whole)
    assert cuts
    assert all(whole.kinds[t.name] == TensorProto.FLOAT for cut in cuts for t in cut.tensors)
    assert all(compare(whole, cut_planes(whole, c, Preprocessing(), free=False), [noise()]).is_exact for c in cuts)
    maker = {t: node for node in whole.nodes for t in node.output}
    first, *others = cuts[0].tensors
    levels = maker[first.name].input[0]
    with pytest.raises(InputError, match=rf"expected tensors of floats .*{levels} uint8"):
        find_cut(whole, ",".join([levels, *(t.name for t in others)]))


def test_float16_and_an_ir_of_tomorrow(tmp_path: Path, unet: onnx.ModelProto) -> None:
    """Both are cut; ONNX Runtime rounds float16 where it likes, so that those halves are off by its last bit."""
    half = network(exported(UNet(), SIZE, ("mask",), half=True))
    for cut in several(half):
        halves = cut_planes(half, cut, Preprocessing(), free=False)
        assert all(t.kind == TensorProto.FLOAT16 for t in cut.tensors)
        assert all(y.dtype == np.float32 for y in open_ends(halves.edge)(noise()))
        assert compare(half, halves, [noise()]).largest < 0.02
    (tmp_path / "net.onnx").write_bytes(with_newer_ir(unet).SerializeToString())
    later = load_network(tmp_path / "net.onnx", task="tensors")
    assert several(later) == several(network(unet))


def test_every_kind_counts_what_it_has() -> None:
    row = measure_case("dense", network(exported(Dense(), SIZE, ("logits",))))
    assert row.is_equal
    assert max(len(cut.tensors) for cut in row.cuts) > 2
    worse = CaseRow("worse", is_half=False, singles=1, cuts=tuple(row.cuts[:1]))
    object.__setattr__(worse.cuts[0], "is_exact", False)
    assert summary_of((worse,))["split.multi.mismatches"] == 1
    assert summary_of((worse,))["split.multi.cases"] == 0


def test_a_plan_lists_them(tmp_path: Path, unet: onnx.ModelProto) -> None:
    import PIL.Image

    onnx.save(unet, tmp_path / "unet.onnx")
    (tmp_path / "pictures").mkdir()
    for k in range(2):
        pixels = np.random.default_rng(k).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / "pictures" / f"{k}.png")
    words = ["split", str(tmp_path / "unet.onnx"), "--plan", "--images", str(tmp_path / "pictures")]
    planned = isthmus(*words, "--json")
    assert planned.exit_code == 0, planned.output
    cuts = json.loads(planned.stdout)["cuts"]
    several = [cut for cut in cuts if len(cut["tensors"]) == 3]
    assert [t["stride"] for t in several[0]["tensors"]] == [1, 2, 4]
    assert all(0.5 < p["agreement_percent"] / 100 <= 1 and p["bits"] > 0 for cut in cuts for p in cut["points"])
    assert [cut["edge_macs"] for cut in cuts] == sorted(cut["edge_macs"] for cut in cuts)
    shown = isthmus(*words)
    assert shown.exit_code == 0, shown.output
    assert several[0]["tensors"][2]["name"] in shown.stdout


def test_a_plan_of_a_yolo_measures_agreement_by_cosine() -> None:
    from isthmus.split.pictures import Pictures

    whole = network(exported(Yolo(), SIZE, ("output0",)))
    frames = tuple(np.random.default_rng(k).integers(0, 256, (*SIZE, 3)).astype(np.uint8) for k in range(2))
    options = PlanOptions(bits=8, edge_gmacs_per_s=1, cloud_gmacs_per_s=10)
    plan = plan_cuts(whole, Pictures("drawn", "", frames), Preprocessing(top=1), options)
    assert any(len(p.cut.tensors) == 3 for p in plan.cuts)
    assert all(99 < plan.own(p).agreement_percent <= 100.0001 for p in plan.cuts)
    fewer = plan_cuts(
        whole, Pictures("drawn", "", frames), Preprocessing(top=1), PlanOptions(bits=2, edge_gmacs_per_s=1)
    )
    pairs = zip(fewer.cuts, plan.cuts, strict=True)
    assert all(fewer.own(few).bits < plan.own(many).bits for few, many in pairs)


def test_tasks_are_recognised_by_outputs(unet: onnx.ModelProto) -> None:
    assert recognised(network(unet)) == "segment"
    assert recognised(network(exported(Yolo(), SIZE, ("output0",)))) == "detect"
    assert recognised(network(exported(Pyramid(), (64, 96), ("scores", "boxes")))) == "detect"
    assert recognised(network(exported(UNet(3), SIZE, ("picture",)))) == "tensors"
    assert recognised(network(exported(Dense(), SIZE, ("logits",)))) == "classify"


def test_any_size_is_kept_where_no_size_is_worked_out() -> None:
    weights = [numpy_helper.from_array(np.ones((4, c, 1, 1), np.float32), f"w{c}") for c in (3, 4)]
    nodes = [
        helper.make_node("Conv", ["x", "w3"], ["a"], strides=[2, 2]),
        helper.make_node("Conv", ["a", "w4"], ["b"], strides=[2, 2]),
        helper.make_node("Resize", ["b", "", "scales"], ["c"], mode="nearest"),
        helper.make_node("Add", ["a", "c"], ["d"]),
        helper.make_node("Conv", ["d", "w4"], ["out"]),
    ]
    weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    made = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [given], [made], weights)
    free = network(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    sized = free.sized(32, 48)
    cut = find_cut(sized, "a,b")
    assert takes_any_size_at(free, cut)
    halves = cut_planes(sized, cut, Preprocessing(), free=True)
    whole, edge, cloud = (open_ends(m) for m in (free.model, halves.edge, halves.cloud))
    for size in (SIZE, (64, 16)):
        x = noise(0, size)
        np.testing.assert_array_equal(cloud(*edge(x))[0], whole(x)[0])
    assert not takes_any_size_at(sized, cut)
    assert [cut.tensor for cut in all_cuts(sized)][-1] == "d"
