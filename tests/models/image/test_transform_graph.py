"""Image transforms: graphs are the networks, they start as a cosine transform, and see as far as is said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from isthmus.models.image.transform_graph import analysis_graph, macs_per_pixel, synthesis_graph
from isthmus.models.image.transforms import (
    LEAST_FILTER_GAIN,
    STRIDE,
    PatchAnalysis,
    PatchShape,
    PatchSynthesis,
    ReferenceAnalysis,
    ReferenceShape,
    ReferenceSynthesis,
    set_step,
    start_as_cosine_transform,
)
from isthmus.training.image.transforms import ImageCodec
from isthmus.training.image.zoo_writer import HALO_LATENTS, HALO_PIXELS, transform_macs

SMALL = PatchShape(quarter=8, eighth=12, latent_channels=16, synthesis_eighth=12, synthesis_quarter=8)
REFERENCE = ReferenceShape(hidden_channels=8, latent_channels=12)
SIZES = ((64, 64), (32, 80), (16, 48))

Float32 = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def patch_pair(shape: PatchShape = SMALL) -> tuple[PatchAnalysis, PatchSynthesis]:
    """As after some training: no gain is 0, no scale is 1."""
    torch.manual_seed(0)
    g_a, g_s = PatchAnalysis(shape).eval(), PatchSynthesis(shape).eval()
    with torch.no_grad():
        for half in (g_a, g_s):
            half.gain.uniform_(-0.5, 0.5)
            half.filter_gain.uniform_(0.3, 1)
    set_step(g_a, g_s, 20)
    return g_a, g_s


def reference_pair() -> tuple[ReferenceAnalysis, ReferenceSynthesis]:
    torch.manual_seed(0)
    g_a, g_s = ReferenceAnalysis(REFERENCE).eval(), ReferenceSynthesis(REFERENCE).eval()
    with torch.no_grad():
        for name, parameter in (*g_a.named_parameters(), *g_s.named_parameters()):
            if name.endswith("gamma"):
                parameter.uniform_(-0.2, 0.2)  # what the norm takes is its magnitude
    return g_a, g_s


def run(model: onnx.ModelProto, name: str, value: Float32) -> Float32:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    out: Float32 = session.run(None, {name: value})[0]
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["patch", "reference"])
@torch.no_grad()
def test_graphs_are_the_networks(kind: str, size: tuple[int, int]) -> None:
    g_a, g_s = patch_pair() if kind == "patch" else reference_pair()
    pixels = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 255
    y = g_a(pixels / 255)
    got = run(analysis_graph(g_a), "pixels", pixels.numpy())
    assert got.shape == y.shape == (1, y.shape[1], size[0] // STRIDE, size[1] // STRIDE)
    np.testing.assert_allclose(got, y.numpy(), atol=2e-3 * float(y.abs().max()))  # weights are stored as halves
    y_hat = torch.round(y * (20 / y.abs().max()))
    x = g_s(y_hat) * 255
    got = run(synthesis_graph(g_s), "y_hat", y_hat.numpy())
    assert got.shape == x.shape == pixels.shape
    np.testing.assert_allclose(got, x.numpy(), atol=2e-3 * float((x - 127.5).abs().max() + 127.5))


def test_a_module_that_is_no_layer_of_them_is_refused() -> None:
    _, g_s = patch_pair()
    g_s.layers[1] = nn.Tanh()
    with pytest.raises(TypeError, match="Tanh"):
        synthesis_graph(g_s)


@torch.no_grad()
def test_the_cosine_transform_of_all_coefficients_keeps_every_pixel() -> None:
    shape = PatchShape(quarter=8, eighth=8, latent_channels=3 * STRIDE**2, synthesis_eighth=8, synthesis_quarter=8)
    g_a, g_s = PatchAnalysis(shape), PatchSynthesis(shape)
    patches = torch.rand(1000, 3, STRIDE, STRIDE, generator=torch.Generator().manual_seed(0))
    start_as_cosine_transform(g_a, g_s, patches, step=0.2)
    weight = g_a.get_parameter("linear.1.weight").flatten(1)
    torch.testing.assert_close(weight @ weight.t(), torch.eye(len(weight)), atol=1e-5, rtol=0)
    x = torch.randint(256, (2, 3, 48, 32), generator=torch.Generator().manual_seed(1)) / 255
    y = torch.round(g_a(x))
    assert torch.equal(torch.round(g_s(y) * 255), torch.round(x * 255))
    # A flat grey is what the transform of luma's mean alone says.
    flat = g_a(torch.full((1, 3, 16, 16), 0.75))[0, :, 0, 0].abs()
    assert flat.max() > 100 * flat.sort().values[-2]


@torch.no_grad()
def test_coefficients_are_ranked_and_filtered_by_their_power() -> None:
    g_a, g_s = PatchAnalysis(SMALL), PatchSynthesis(SMALL)
    generator = torch.Generator().manual_seed(0)
    blurred = nn.functional.avg_pool2d(torch.rand(500, 3, 24, 24, generator=generator), 9, 1)
    step = 4.0
    start_as_cosine_transform(g_a, g_s, blurred, step)
    gain = g_a.filter_gain
    assert torch.equal(gain, g_s.filter_gain)
    power = ((g_a(blurred) / (g_a.scale * gain[:, None, None])) ** 2).mean((0, 2, 3))
    assert (power.diff() <= 1e-9).all()
    expected = (1 - (step / 255) ** 2 / 12 / power).clamp_min(LEAST_FILTER_GAIN**2).sqrt()
    torch.testing.assert_close(gain.detach(), expected, atol=1e-3, rtol=1e-3)
    assert 0.5 < float(gain[-1]) < float(gain[0]) < 1
    start_as_cosine_transform(g_a, g_s, blurred, 10_000)
    torch.testing.assert_close(g_a.filter_gain.detach(), torch.full((16,), LEAST_FILTER_GAIN))


@torch.no_grad()
def test_the_step_scales_latents_and_is_taken_back() -> None:
    g_a, g_s = patch_pair()
    x = torch.rand(1, 3, 32, 32)
    y = g_a(x)
    set_step(g_a, g_s, 10)
    torch.testing.assert_close(g_a(x), 2 * y)
    once = g_s(2 * y)
    set_step(g_a, g_s, 20)
    torch.testing.assert_close(g_s(y), once)


def reach(changed: npt.NDArray[np.bool_], own: slice) -> int:
    """How far outside `own` anything changed, along one axis."""
    places = np.flatnonzero(changed)
    return int(max(own.start - places.min(), places.max() - (own.stop - 1)))


@torch.no_grad()
def test_latents_see_no_further_than_the_halo_and_not_much_less() -> None:
    g_a, _ = patch_pair()
    side = 12 * STRIDE
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0), requires_grad=False)
    k, far = 6, 0
    for axis in (2, 3):
        with torch.enable_grad():
            given = x.clone().requires_grad_()
            g_a(given)[0, :, k, k].square().sum().backward()
        assert given.grad is not None
        seen = given.grad[0].abs().sum(0).numpy() != 0
        far = max(far, reach(seen.any(3 - axis), slice(k * STRIDE, (k + 1) * STRIDE)))
    assert HALO_PIXELS - STRIDE < far <= HALO_PIXELS
    assert far == 24
    # And so says the network itself: noise outside the window changes nothing, one pixel inside does.
    y = g_a(x)[0, :, k, k]
    noisy = torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    window = slice(k * STRIDE - HALO_PIXELS, (k + 1) * STRIDE + HALO_PIXELS)
    noisy[:, :, window, window] = x[:, :, window, window]
    torch.testing.assert_close(g_a(noisy)[0, :, k, k], y, atol=1e-5, rtol=1e-5)
    noisy[:, :, k * STRIDE - 20 : k * STRIDE, :] = 0
    assert float((g_a(noisy)[0, :, k, k] - y).abs().max()) > 1e-3


@torch.no_grad()
def test_pixels_see_no_further_than_the_halo_and_not_less() -> None:
    _, g_s = patch_pair()
    y = torch.randn(1, 16, 13, 13, generator=torch.Generator().manual_seed(0)) * 5
    k, far = 6, []
    for row in range(STRIDE):
        with torch.enable_grad():
            given = y.clone().requires_grad_()
            g_s(given)[0, :, k * STRIDE + row, k * STRIDE + row].square().sum().backward()
        assert given.grad is not None
        seen = given.grad[0].abs().sum(0).numpy() != 0
        far.append(max(reach(seen.any(axis), slice(k, k + 1)) for axis in (0, 1)))
    assert max(far) == HALO_LATENTS
    own = slice(k * STRIDE, (k + 1) * STRIDE)
    x = g_s(y)[:, :, own, own]
    noisy = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)) * 5
    window = slice(k - HALO_LATENTS, k + HALO_LATENTS + 1)
    noisy[:, :, window, window] = y[:, :, window, window]
    torch.testing.assert_close(g_s(noisy)[:, :, own, own], x, atol=1e-5, rtol=1e-5)
    noisy[:, :, k + 1, k] += 30
    assert float((g_s(noisy)[:, :, own, own] - x).abs().max()) > 1e-3


def test_macs_are_counted_as_by_hand() -> None:
    s = PatchShape()
    q, e, m, se, sq = s.quarter, s.eighth, s.latent_channels, s.synthesis_eighth, s.synthesis_quarter
    g_a = 768 * m / 256 + 48 * q * 9 / 16 + (q * e * 9 + e * e // 2 * 9 + e // 2 * e) / 64 + e * m * 9 / 256
    g_s = (
        m * 768 / 256
        + m * 4 * se * 9 / 256
        + (2 * se * se * 9 + se * 4 * sq * 9) / 64
        + (48 * sq + 2 * sq * 32 * 9 + sq * 48 * 9) / 16
    )
    assert transform_macs(ImageCodec(s)) == {"g_a": g_a, "g_s": g_s}
    assert (g_a, g_s) == (4808, 12576)
    n, m = REFERENCE.hidden_channels, REFERENCE.latent_channels
    by_hand = (3 * n * 25 + n * n) / 4 + (n * n * 25 + n * n) / 16 + (n * n * 25 + n * n) / 64 + n * m * 25 / 256
    assert macs_per_pixel(ReferenceAnalysis(REFERENCE), 3, 1) == by_hand
