"""EfficientNet-Lite0 as a graph, beside the same network in torch: answers, cuts, sizes, refusals; the real weights."""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from PIL import Image
from support.paths import DATA

torch = pytest.importorskip("torch", reason="the weights are torch's")

from support.efficientnet import answered, random_state  # noqa: E402  needs torch

from isthmus.common.errors import InputError  # noqa: E402
from isthmus.data.image.imagenet import imagenet_classes  # noqa: E402
from isthmus.models.video.efficientnet_graph import DEVIATION, MEAN, SIDE, efficientnet_model  # noqa: E402
from isthmus.models.video.efficientnet_weights import HOW_TO_GET, MODULE, read_efficientnet_weights  # noqa: E402
from isthmus.split.cuts import find_cuts  # noqa: E402
from isthmus.split.network import read_network  # noqa: E402

Float32 = npt.NDArray[np.float32]
State = dict[str, Float32]
IMAGES = DATA / "imagenet500_256.npz"


@pytest.fixture(scope="module")
def state() -> State:
    return {name: tensor.numpy() for name, tensor in random_state().items()}


def run(model: onnx.ModelProto, frame: Float32, *tensors: str) -> list[Float32]:
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[Float32] = session.run(["logits", *tensors], {"frame": frame})
    return found


@pytest.mark.parametrize("sides", [(224, 224), (75, 101), (96, 33)])
def test_it_answers_as_torch_does(state: State, sides: tuple[int, int]) -> None:
    """Normalisation folded; odd sides are padded as TensorFlow pads them."""
    frame = np.random.default_rng(1).uniform(-1, 1, (1, 3, *sides)).astype(np.float32)
    logits, blocks = answered({k: torch.from_numpy(v) for k, v in state.items()}, torch.from_numpy(frame))
    found = run(efficientnet_model(state), frame, "block5/output", "block11/output")
    assert logits.std() > 0.5
    assert np.abs(found[0] - logits.numpy()).max() < 1e-4
    for got, number in zip(found[1:], (5, 11), strict=True):
        assert np.abs(got - blocks[number].numpy()).max() < 1e-4 * np.abs(got).max()


def test_half_the_bytes_answer_nearly_the_same(state: State) -> None:
    frame = np.random.default_rng(2).uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32)
    whole, half = efficientnet_model(state), efficientnet_model(state, float16=True)
    assert len(half.SerializeToString()) < 0.51 * len(whole.SerializeToString())
    (answer,), (other,) = run(whole, frame), run(half, frame)
    assert 0 < np.abs(answer - other).max() < 0.03 * answer.std()


@pytest.mark.parametrize("float16", [False, True])
def test_its_cuts_are_named_by_blocks(state: State, float16: bool) -> None:
    network = read_network(efficientnet_model(state, float16=float16), "lite0").sized(SIDE, SIDE)
    cuts = {cut.tensor: cut for cut in find_cuts(network)}
    assert [t for t in cuts if t.startswith("block") and t.endswith("output")] == [
        f"block{n}/output" for n in range(16)
    ]
    told = {t: (c.shape, c.stride, round(c.edge_macs / 1e6), round(c.cloud_macs / 1e6)) for t, c in cuts.items()}
    # Worked by hand: kernel ** 2 / group * in * out * positions of each layer.
    assert told["block5/output"] == ((80, 14, 14), 16, 125, 260)
    assert told["block11/output"] == ((192, 7, 7), 32, 265, 120)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"_conv_stem.weight": np.zeros((40, 3, 3, 3), np.float32)}, "_conv_stem.weight: expected"),
        ({"_blocks.7._bn1.bias": np.full(480, np.nan, np.float32)}, "_blocks.7._bn1.bias: expected finite"),
        ({"_fc.bias": np.zeros(10, np.float32)}, r"_fc.weight: expected \(10, 1280\)"),
        ({"_conv_head.weight": None}, "_conv_head.weight: expected .* got nothing: these are other weights"),
    ],
)
def test_other_weights_are_refused(state: State, changed: dict[str, Float32 | None], message: str) -> None:
    arrays = {name: array for name, array in (state | changed).items() if array is not None}
    with pytest.raises(InputError, match=message):
        efficientnet_model(arrays)


@pytest.mark.skipif(find_spec(MODULE) is None, reason=f"the real weights are not installed ({HOW_TO_GET})")
@pytest.mark.skipif(not IMAGES.is_file(), reason=f"no labelled images at {IMAGES}")
@pytest.mark.slow
def test_real_weights_know_imagenet() -> None:
    read = read_efficientnet_weights()
    assert read.is_known
    model = efficientnet_model(read.arrays, float16=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with np.load(IMAGES) as packed:
        blob, cuts, labels = packed["jpg"], packed["off"], packed["labels"]
    right, first, chosen = 0, (256 - SIDE) // 2, range(0, 500, 5)
    for i in chosen:
        image = Image.open(io.BytesIO(blob[cuts[i] : cuts[i + 1]].tobytes())).convert("RGB")
        crop = np.asarray(image, np.float32)[first : first + SIDE, first : first + SIDE]
        logits = session.run(None, {"frame": ((crop - MEAN) / DEVIATION).transpose(2, 0, 1)[None]})[0]
        right += int(logits.argmax() == labels[i])
    assert logits.shape == (1, len(imagenet_classes()))
    assert right >= 83  # of all 500, 87.4 % are right
