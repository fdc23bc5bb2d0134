"""SqueezeNet as a graph: shapes, the folded preprocessing, refusals; the real weights where they lie."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from PIL import Image
from support.paths import DATA

from isthmus.common.errors import InputError
from isthmus.models.video.squeezenet_graph import MEAN_BGR, SIDE, _shapes, squeezenet_model

Float32 = npt.NDArray[np.float32]
REAL = DATA / "nets" / "imagenet_squeezenet_v10_dc.npz"
IMAGES = DATA / "imagenet500_256.npz"


def random_weights(path: Path, **changed: Float32) -> dict[str, Float32]:
    rng = np.random.default_rng(0)
    arrays: dict[str, Float32] = {}
    for name, shape in _shapes().items():
        fan_in = int(np.prod(shape[1:]))
        arrays[f"{name}.weight"] = (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
        arrays[f"{name}.bias"] = (rng.standard_normal(shape[:1]) * 0.1).astype(np.float32)
    arrays |= changed
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return arrays


def run(weights: Path, names: tuple[str, ...], frame: Float32) -> list[Float32]:
    session = onnxruntime.InferenceSession(squeezenet_model(weights, names).SerializeToString())
    found: list[Float32] = session.run(list(names), {"frame": frame})
    return found


def test_sizes_round_up_at_the_pools(tmp_path: Path) -> None:
    random_weights(tmp_path / "w.npz")
    frame = np.zeros((1, 3, 224, 224), np.float32)
    names = ("conv1", "pool1", "fire4", "pool4", "fire5", "fire8", "pool8", "fire9", "conv_final", "logits")
    found = [tensor.shape[1:] for tensor in run(tmp_path / "w.npz", names, frame)]
    assert found == [
        (96, 109, 109),
        (96, 54, 54),
        (256, 54, 54),
        (256, 27, 27),
        (256, 27, 27),
        (512, 27, 27),
        (512, 13, 13),
        (512, 13, 13),
        (1000, 13, 13),
        (1000,),
    ]


def test_preprocessing_is_folded_into_conv1(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    arrays = random_weights(tmp_path / "w.npz")
    frame = np.random.default_rng(1).uniform(0, 255, (1, 3, 40, 52)).astype(np.float32)
    bgr = torch.from_numpy(frame[:, ::-1] - np.array(MEAN_BGR, np.float32)[:, None, None])
    weight, bias = torch.from_numpy(arrays["conv1.weight"]), torch.from_numpy(arrays["conv1.bias"])
    expected = torch.relu(torch.nn.functional.conv2d(bgr, weight, bias, stride=2))
    (found,) = run(tmp_path / "w.npz", ("conv1",), frame)
    assert found == pytest.approx(expected.numpy(), abs=2e-3)


def test_unknown_outputs_are_refused(tmp_path: Path) -> None:
    random_weights(tmp_path / "w.npz")
    for names in (("fire1",), ()):
        with pytest.raises(InputError, match="expected outputs"):
            squeezenet_model(tmp_path / "w.npz", names)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"conv1.weight": np.zeros((96, 3, 3, 3), np.float32)}, "conv1.weight: expected"),
        ({"fire5/conv3x3_2.bias": np.full(128, np.nan, np.float32)}, "finite"),
    ],
)
def test_other_weights_are_refused(tmp_path: Path, changed: dict[str, Float32], message: str) -> None:
    random_weights(tmp_path / "w.npz", **changed)
    with pytest.raises(InputError, match=message):
        squeezenet_model(tmp_path / "w.npz")


def test_another_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="got nothing"):
        squeezenet_model(tmp_path / "w.npz")
    with pytest.raises(InputError, match="expected a packed"):
        squeezenet_model(tmp_path / "none.npz")


@pytest.mark.skipif(
    not (REAL.is_file() and IMAGES.is_file()), reason=f"no real weights at {REAL} or images at {IMAGES}"
)
def test_real_weights_know_imagenet() -> None:
    session = onnxruntime.InferenceSession(squeezenet_model(REAL).SerializeToString())
    with np.load(IMAGES) as packed:
        blob, cuts, labels = packed["jpg"], packed["off"], packed["labels"]
    right = 0
    for i in range(40):
        image = Image.open(io.BytesIO(blob[cuts[i] : cuts[i + 1]].tobytes())).convert("RGB")
        first = (256 - SIDE) // 2
        crop = np.asarray(image)[first : first + SIDE, first : first + SIDE]
        logits = session.run(None, {"frame": crop.transpose(2, 0, 1)[None].astype(np.float32)})[0]
        right += int(logits.argmax() == labels[i])
    assert right >= 20
