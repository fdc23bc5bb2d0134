"""The entropy bottleneck of the thesis: additive noise, and one learned density a channel.

Source: Ballé et al. 2018 (arXiv 1802.01436), appendix 6.1; thesis chapter 2.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LIKELIHOOD_FLOOR = 1e-9
FILTERS = (3, 3, 3, 3)
INIT_SCALE = 10.0


class EntropyBottleneck(nn.Module):
    """A univariate, non-parametric cumulative for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        widths = (1, *FILTERS, 1)
        scale = INIT_SCALE ** (1 / (len(FILTERS) + 1))
        self.matrices = nn.ParameterList()
        self.biases = nn.ParameterList()
        self.factors = nn.ParameterList()
        for i, o in pairwise(widths):
            init = math.log(math.expm1(1 / scale / o))
            self.matrices.append(nn.Parameter(torch.full((channels, o, i), init)))
            self.biases.append(nn.Parameter(torch.empty(channels, o, 1).uniform_(-0.5, 0.5)))
            if o != 1 or len(self.factors) < len(FILTERS):
                self.factors.append(nn.Parameter(torch.zeros(channels, o, 1)))

    def logits_cumulative(self, y: Tensor) -> Tensor:
        """``[channels, 1, n]`` to the logit of the cumulative at each value."""
        logits = y
        for k, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            logits = torch.baddbmm(bias, F.softplus(matrix), logits)
            if k < len(FILTERS):
                logits = logits + torch.tanh(self.factors[k]) * torch.tanh(logits)
        return logits

    def likelihood(self, y: Tensor) -> Tensor:
        """Probability of the unit interval around each value, ``[batch, channels]`` both ways."""
        columns = y.t()[:, None, :]
        lower = self.logits_cumulative(columns - 0.5)
        upper = self.logits_cumulative(columns + 0.5)
        # Of sigmoid(upper) - sigmoid(lower), take the side of zero where floats are dense.
        sign = -torch.sign(lower + upper).detach()
        mass = torch.abs(torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower))
        return mass[:, 0, :].t().clamp_min(LIKELIHOOD_FLOOR)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Noisy (training) or rounded values, and bits for each signal, ``[batch]``."""
        if self.training:
            y_hat = y + torch.empty_like(y).uniform_(-0.5, 0.5)
        else:
            medians = self.quantile(0.5)
            y_hat = torch.round(y - medians) + medians
        bits = -torch.log2(self.likelihood(y_hat)).sum(1)
        return y_hat, bits

    @torch.no_grad()
    def quantile(self, mass: float) -> Tensor:
        """Value of each channel under which lies `mass` of its density, by bisection, ``[channels]``."""
        target = math.log(mass / (1 - mass))
        low = torch.full((self.channels, 1, 1), -1e4, device=self.matrices[0].device)
        high = -low
        for _ in range(40):
            middle = (low + high) / 2
            above = self.logits_cumulative(middle) > target
            high = torch.where(above, middle, high)
            low = torch.where(above, low, middle)
        return ((low + high) / 2)[:, 0, 0]
