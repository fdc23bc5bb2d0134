"""The split classifier as a graph: what torch computes, for every pooling and any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isthmus.models.video.classifier import Pooling, SplitClassifier, SplitShape
from isthmus.models.video.classifier_graph import LATENTS, split_graph
from isthmus.split.graphs import open_model
from isthmus.split.halves import cut_halves, takes_any_size, unquantised
from isthmus.split.network import read_network
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import find_cut

SIZES = ((64, 64), (32, 72), (40, 24))


def classifier(pooling: Pooling) -> SplitClassifier:
    """As after some training: batch normalisation has seen something."""
    torch.manual_seed(0)
    shape = SplitShape(7, latent_channels=6, edge_widths=(4, 6, 8, 8), cloud_widths=(8, 10), blocks=1, pooling=pooling)
    model = SplitClassifier(shape)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return model.eval()


@pytest.mark.parametrize("pooling", list(Pooling))
@torch.no_grad()
def test_the_graph_is_the_network(pooling: Pooling) -> None:
    torch.set_num_threads(1)
    model = classifier(pooling)
    network = read_network(split_graph(model), "split")
    cut = find_cut(network.sized(64, 64), LATENTS)
    assert (cut.stride, cut.shape) == (8, (6, 8, 8))
    assert takes_any_size(network, cut)
    halves = cut_halves(network.sized(64, 64), cut, Preprocessing(), unquantised(cut), free=True)
    edge, cloud = open_model(halves.edge), open_model(halves.cloud)
    for height, width in SIZES:
        pixels = torch.randint(0, 256, (1, 3, height, width)).float()
        y = model.edge(pixels / 255)
        np.testing.assert_allclose(edge(pixels.numpy()), y.numpy(), atol=1e-3 * float(y.abs().max()))
        logits = model.cloud(y).numpy()
        np.testing.assert_allclose(cloud(y.numpy()), logits, atol=1e-3 * float(np.abs(logits).max()))


def test_weights_are_stored_in_half_precision() -> None:
    graph = split_graph(classifier(Pooling.BLUR)).graph
    halves = [c for c in graph.initializer if c.data_type == 10]
    stored = sum(int(np.prod(c.dims)) for c in halves)
    weights = sum(p.numel() for p in classifier(Pooling.BLUR).parameters() if p.ndim > 1)
    assert stored == weights
