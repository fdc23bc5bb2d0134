"""The thesis's adaptive entropy bottleneck: an image's own distributions, compressed and sent as side information.

Theory of operation. The histograms of an image's latents, one a channel, are what a perfect adaptive coder would use.
``h_a,q`` turns them ``[M_y, B]`` into a small latent q ``[M_q, B/8]``, which an entropy bottleneck codes; ``h_s,q``
turns q back into logits, and their softmax over the bins is the distribution that codes the latents. Both networks
convolve along the bins, with the latent channels as channels, so neither grows with the image.

Departures from the thesis, unless `is_plain`. The logits start from the log-probabilities of the static tables:
``q = 0`` with an untrained ``h_s,q`` is the static codec, and the network learns what to change. And ``h_a,q`` sees the
root of each histogram less that of the static distribution: roots of counts are equally uncertain whatever the count.

Source: thesis chapter 3 (arXiv 2409.08376; 2406.13059): layers, groups, kernels, shuffles and the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.common.image.histogram import largest_counted
from isthmus.models.bottleneck import EntropyBottleneck

BIN_STRIDE = 8  # of both networks: three layers of stride 2
GROUPS = 8
WIDE, NARROW = 15, 5  # kernels
ROOT_FLOOR = 1e-4  # under a root, so that its gradient stays finite where a bin is empty
# q starts this many times wider than a linear layer's habit: rounded to zeros it would teach nothing.
SIDE_GAIN = 30.0


@dataclass(frozen=True, slots=True)
class AdaptiveShape:
    """Channels of the latents (M_y), of the hidden layers (N_q) and of q (M_q), and the number of bins (B).

    `is_plain`: as the thesis has it, histograms as they are in, a softmax of what comes out.
    """

    latent_channels: int
    hidden_channels: int = 32
    side_channels: int = 16
    bins: int = 64
    is_plain: bool = False

    def __post_init__(self) -> None:
        if self.bins % BIN_STRIDE or self.bins < BIN_STRIDE:
            raise ValueError(f"expected bins a multiple of {BIN_STRIDE}, got {self.bins}")
        for name, count in (
            ("widest_channels", self.widest_channels),
            ("hidden_channels", self.hidden_channels),
            ("latent_channels", self.latent_channels),
        ):
            if count % GROUPS:
                raise ValueError(f"expected {name} a multiple of {GROUPS}, got {count}")

    @property
    def widest_channels(self) -> int:
        """Channels next to the histograms."""
        return max(self.hidden_channels, self.latent_channels // 2)

    @property
    def side_bins(self) -> int:
        """Positions of q in each of its channels."""
        return self.bins // BIN_STRIDE

    @property
    def clip(self) -> int:
        """Largest magnitude of a latent in a histogram."""
        return largest_counted(self.bins)


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution of either network; `factor` is its stride (``h_a,q``) or its upsampling (``h_s,q``)."""

    inputs: int
    outputs: int
    kernel: int
    factor: int
    groups: int
    is_shuffled: bool  # a channel shuffle follows the ReLU


def analysis_layers(shape: AdaptiveShape) -> tuple[Layer, ...]:
    """The five layers of ``h_a,q``, as the thesis lists them."""
    m, w, n, s = shape.latent_channels, shape.widest_channels, shape.hidden_channels, shape.side_channels
    return (
        Layer(m, w, NARROW, 1, GROUPS, is_shuffled=True),
        Layer(w, n, WIDE, 2, GROUPS, is_shuffled=True),
        Layer(n, n, WIDE, 2, GROUPS, is_shuffled=True),
        Layer(n, n, WIDE, 2, GROUPS, is_shuffled=False),
        Layer(n, s, WIDE, 1, 1, is_shuffled=False),
    )


def synthesis_layers(shape: AdaptiveShape) -> tuple[Layer, ...]:
    """The five layers of ``h_s,q``: the mirror."""
    first, second, third, fourth, fifth = analysis_layers(shape)
    return tuple(
        Layer(layer.outputs, layer.inputs, layer.kernel, layer.factor, layer.groups, is_shuffled)
        for layer, is_shuffled in ((fifth, False), (fourth, True), (third, True), (second, True), (first, False))
    )


def mac_per_pixel(shape: AdaptiveShape, height: int = 512, width: int = 768) -> dict[str, float]:
    """Multiply-accumulates of both networks by pixel of an image; taps of a transposed convolution counted once."""

    def total(layers: Sequence[Layer], bins: int, *, is_rising: bool) -> float:
        macs = 0
        for layer in layers:
            low = bins if is_rising else bins // layer.factor  # the coarser side of the layer
            macs += low * layer.outputs * layer.inputs // layer.groups * layer.kernel
            bins = bins * layer.factor if is_rising else low
        return macs / (height * width)

    parts = {
        "h_a_q": total(analysis_layers(shape), shape.bins, is_rising=False),
        "h_s_q": total(synthesis_layers(shape), shape.side_bins, is_rising=True),
    }
    return parts | {"both": parts["h_a_q"] + parts["h_s_q"]}


class ChannelShuffle(nn.Module):
    """Interleaves the channels of the groups ``[n, c, length]``, so that the next grouped layer sees all of them."""

    def forward(self, x: Tensor) -> Tensor:
        """``[n, channels, length]`` both ways."""
        n, c, length = x.shape
        return x.reshape(n, GROUPS, c // GROUPS, length).transpose(1, 2).reshape(n, c, length)


def _stack(layers: Sequence[Layer], *, is_rising: bool) -> nn.Sequential:
    modules: list[nn.Module] = []
    for k, layer in enumerate(layers):
        padding = layer.kernel // 2
        if is_rising and layer.factor > 1:
            modules.append(
                nn.ConvTranspose1d(
                    layer.inputs, layer.outputs, layer.kernel, layer.factor, padding, layer.factor - 1, layer.groups
                )
            )
        else:
            modules.append(
                nn.Conv1d(layer.inputs, layer.outputs, layer.kernel, layer.factor, padding, groups=layer.groups)
            )
        if k < len(layers) - 1:
            modules.append(nn.ReLU())
        if layer.is_shuffled:
            modules.append(ChannelShuffle())
    return nn.Sequential(*modules)


def histogram(y: Tensor, shape: AdaptiveShape) -> Tensor:
    """Normalised histograms ``[n, M_y, B]`` of latents ``[n, M_y, ...]``; bin i counts the value ``i - B/2``.

    The counts are those of the rounded latents; their gradient is that of a kernel density estimate with a triangular
    kernel one bin wide (straight through). The kernel touches two bins only, which are scattered into.
    """
    y = y.flatten(2).clamp(-shape.clip, shape.clip)
    zeros = y.new_zeros(*y.shape[:2], shape.bins)
    rounded = (torch.round(y) + shape.bins // 2).long()
    hard = zeros.scatter_add(2, rounded, torch.ones_like(y))
    if y.requires_grad:
        below = torch.floor(y).detach()
        fraction = y - below
        index = below.long() + shape.bins // 2
        soft = zeros.scatter_add(2, index, 1 - fraction).scatter_add(2, index + 1, fraction)
        hard = soft + (hard - soft).detach()
    return hard / y.shape[2]


class AdaptiveBottleneck(nn.Module):
    """``h_a,q``, the entropy bottleneck of q, and ``h_s,q`` on top of a static distribution."""

    static_logits: Tensor

    def __init__(self, shape: AdaptiveShape, static_probabilities: Tensor) -> None:
        """`static_probabilities` ``[M_y, B]``: what codes the latents without adaptation, positive everywhere."""
        super().__init__()
        expected = (shape.latent_channels, shape.bins)
        if tuple(static_probabilities.shape) != expected:
            raise ValueError(f"expected static probabilities {expected}, got {tuple(static_probabilities.shape)}")
        self.shape = shape
        self.h_a = _stack(analysis_layers(shape), is_rising=False)
        self.h_s = _stack(synthesis_layers(shape), is_rising=True)
        self.entropy = EntropyBottleneck(shape.side_channels)
        logits = torch.log_softmax(static_probabilities.float().log(), 1)
        self.register_buffer("static_logits", torch.zeros_like(logits) if shape.is_plain else logits)
        last = self.h_s[-1]
        assert isinstance(last, nn.Conv1d)
        assert last.bias is not None
        if not shape.is_plain:
            nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        widest = self.h_a[-1]
        assert isinstance(widest, nn.Conv1d)
        with torch.no_grad():
            widest.weight.mul_(SIDE_GAIN)

    def analyse(self, histograms: Tensor) -> Tensor:
        """q before rounding, ``[n, M_q, B/8]``, of normalised histograms ``[n, M_y, B]``."""
        if self.shape.is_plain:
            plain: Tensor = self.h_a(histograms)
            return plain
        roots = torch.sqrt(histograms + ROOT_FLOOR) - torch.sqrt(self.static_logits.exp() + ROOT_FLOOR)
        q: Tensor = self.h_a(roots)
        return q

    def logits(self, q: Tensor) -> Tensor:
        """Logits ``[n, M_y, B]`` in nats of q ``[n, M_q, B/8]``."""
        delta: Tensor = self.h_s(q)
        return self.static_logits + delta

    def side_bits(self, q: Tensor) -> Tensor:
        """Bits of q for each image, ``[n]``."""
        columns = q.transpose(1, 2).reshape(-1, q.shape[1])
        return -torch.log2(self.entropy.likelihood(columns)).reshape(q.shape[0], -1).sum(1)

    def forward(self, histograms: Tensor) -> tuple[Tensor, Tensor]:
        """(log2 of the adapted distributions ``[n, M_y, B]``, bits of q ``[n]``): noisy bits in training."""
        q = self.analyse(histograms)
        rounded = q + (torch.round(q) - q).detach()
        noisy = q + torch.empty_like(q).uniform_(-0.5, 0.5) if self.training else rounded
        log_probability = F.log_softmax(self.logits(rounded), 2) / torch.log(torch.tensor(2.0))
        return log_probability, self.side_bits(noisy)


def latent_bits(histograms: Tensor, log_probability: Tensor, count: Tensor | int) -> Tensor:
    """Bits of the latents for each image ``[n]``: the cross entropy; `count` latents in each channel."""
    return -(histograms * log_probability).sum((1, 2)) * count


def ideal_bits(histograms: Tensor, count: Tensor | int) -> Tensor:
    """Bits of the latents ``[n]`` if their true histograms were known at no cost."""
    return -(torch.xlogy(histograms, histograms)).sum((1, 2)) * count / torch.log(torch.tensor(2.0))
