"""The fused network against the plain one of the paper: same values, same gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.models.pointcloud.pointnet import (
    BATCH_NORM_EPS,
    CONFIGS,
    PointEncoder,
    PointLayer,
    shuffle_order,
    winning_points,
)

POINTS, CLOUDS = 50, 4


def layers_of(encoder: PointEncoder) -> list[PointLayer]:
    return [layer for layer in encoder.layers if isinstance(layer, PointLayer)]


def plain_forward(encoder: PointEncoder, points: Tensor) -> Tensor:
    """Conv, batch norm, ReLU, maximum, as separate textbook steps."""
    h = points.reshape(3, -1)
    for layer in layers_of(encoder):
        z = layer.masked_weight() @ h
        if encoder.training:
            normed = F.batch_norm(z.t(), None, None, layer.gamma, layer.beta, training=True, eps=BATCH_NORM_EPS)
        else:
            normed = F.batch_norm(
                z.t(), layer.running_mean, layer.running_var, layer.gamma, layer.beta, eps=BATCH_NORM_EPS
            )
        h = normed.t().relu()
    return h.view(h.shape[0], CLOUDS, POINTS).amax(2).t()


@pytest.fixture(params=sorted(CONFIGS))
def encoder(request: pytest.FixtureRequest) -> PointEncoder:
    torch.manual_seed(0)
    made = PointEncoder(CONFIGS[request.param], torch.float64).double()
    for layer in layers_of(made):
        layer.gamma.data.uniform_(-1, 1)  # negative gains turn the maximum around
        layer.beta.data.normal_()
    return made


def test_training_step_is_the_textbook_one(encoder: PointEncoder) -> None:
    points = torch.randn(3, CLOUDS, POINTS, dtype=torch.float64)
    fused, plain = encoder(points), plain_forward(encoder, points)
    torch.testing.assert_close(fused, plain)
    direction = torch.randn_like(fused)
    parameters = list(encoder.parameters())
    got = torch.autograd.grad((fused * direction).sum(), parameters)
    expected = torch.autograd.grad((plain * direction).sum(), parameters)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_running_statistics_follow_batch_norm(encoder: PointEncoder) -> None:
    points = torch.randn(3, CLOUDS, POINTS, dtype=torch.float64)
    first = layers_of(encoder)[0]
    norm = torch.nn.BatchNorm1d(len(first.gamma)).double()
    norm((first.masked_weight() @ points.reshape(3, -1)).t())
    encoder(points)
    torch.testing.assert_close(first.running_mean, norm.running_mean)
    torch.testing.assert_close(first.running_var, norm.running_var)


def test_evaluation_uses_running_statistics(encoder: PointEncoder) -> None:
    points = torch.randn(3, CLOUDS, POINTS, dtype=torch.float64)
    encoder(points)
    encoder.eval()
    torch.testing.assert_close(encoder(points), plain_forward(encoder, points))


@pytest.mark.parametrize(("name", "macs"), [("full", 147_648), ("lite", 472), ("micro", 48)])
def test_macs_are_the_published_ones(name: str, macs: int) -> None:
    assert CONFIGS[name].macs_per_point == macs


def test_shuffle_interleaves_groups() -> None:
    assert shuffle_order(6, 2).tolist() == [0, 3, 1, 4, 2, 5]


def test_critical_points_alone_give_the_same_features(encoder: PointEncoder) -> None:
    encoder.eval()
    points = torch.randn(3, 1, POINTS, dtype=torch.float64)
    h = points.reshape(3, -1)
    *hidden, last = layers_of(encoder)
    for layer in hidden:
        h = layer(h)
    weight, _ = last.fold_running()
    critical = torch.unique(winning_points(h[:, None], weight)[0])
    assert len(critical) <= encoder.out_channels
    torch.testing.assert_close(encoder(points[:, :, critical]), encoder(points))
