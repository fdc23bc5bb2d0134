"""Categorical symbols: the quantiser of our point-cloud codec, its prior, and the cloud half behind it.

The edge half ends in `heads` linear maps of the pooled features; a symbol is the arg-max of one of them: a cell of a
learned partition of feature space. Nearest-neighbour vector quantisation is the special case of tied weights and
biases; here the cells are free. The cloud half sees the symbols one-hot, that is, as a sum of learned embeddings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.pointcloud.pointnet import CloudHead

INITIAL_SHARPNESS = 3.0


@dataclass(frozen=True, slots=True)
class Alphabet:
    """`heads` symbols of `size` values each."""

    heads: int
    size: int

    @property
    def outputs(self) -> int:
        return self.heads * self.size


class CategoricalCodec(nn.Module):
    """Everything after the pooled features: heads, prior, cloud half."""

    def __init__(self, channels: int, classes: int, alphabet: Alphabet) -> None:
        super().__init__()
        self.alphabet = alphabet
        self.heads = nn.Linear(channels, alphabet.outputs)
        self.prior = nn.Parameter(torch.zeros(alphabet.heads, alphabet.size))
        self.g_s = CloudHead(alphabet.outputs, classes)
        with torch.no_grad():
            # Random hyperplanes make good first cells; sharp ones, so that the softmax is not uniform at the start.
            self.heads.weight.mul_(INITIAL_SHARPNESS)

    def scores(self, features: Tensor) -> Tensor:
        """Features ``[batch, channels]`` to one score for each head and value, ``[batch, heads, size]``."""
        out: Tensor = self.heads(features)
        return out.view(-1, self.alphabet.heads, self.alphabet.size)

    def symbols(self, features: Tensor) -> Tensor:
        """Symbols ``[batch, heads]``."""
        return self.scores(features).argmax(2)

    def one_hot(self, symbols: Tensor) -> Tensor:
        """Symbols as the cloud half sees them, ``[batch, heads * size]``."""
        return F.one_hot(symbols, self.alphabet.size).float().flatten(1)

    def logits(self, symbols: Tensor) -> Tensor:
        """Symbols ``[batch, heads]`` to ``[batch, classes]``."""
        out: Tensor = self.g_s(self.one_hot(symbols))
        return out

    def value_bits(self) -> Tensor:
        """Bits of each value under the learned prior, ``[heads, size]``."""
        return -F.log_softmax(self.prior, 1) / math.log(2)

    def bits(self, symbols: Tensor) -> Tensor:
        """Estimated bits of each signal, ``[batch]``."""
        return self.value_bits().expand(len(symbols), -1, -1).gather(2, symbols[:, :, None]).sum((1, 2))
