"""Convolutions of sequences [b, c, s] whose weight may be kept as length and direction."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .group import Group


class WeightNorm(nn.Module):
    """A weight kept as length g and direction v: g v / |v|, with norms over all axes but one.

    Weight normalization (Salimans, Kingma 2016), section 2. Checkpoints call g and v original0
    and original1.
    """

    def __init__(self, direction: nn.Parameter, axis: int):
        super().__init__()
        self.axis = axis
        sizes = [size if i == axis else 1 for i, size in enumerate(direction.shape)]
        self.original1 = direction
        self.original0 = nn.Parameter(direction.detach().new_empty(sizes))
        self.derive("original0")

    def forward(self) -> Tensor:
        # what torch.nn.utils.parametrizations.weight_norm calls: one pass over the weight
        return torch._weight_norm(self.original1, self.original0, self.axis)

    @torch.no_grad()
    def derive(self, attribute: str) -> None:
        """First lengths are those of the first directions, which leaves the weight as it is."""
        self.original0.copy_(torch.norm_except_dim(self.original1, 2, self.axis))

    derived = ("original0",)  # what `derive` fills once the rest has values


class Normed(nn.Module):
    """A convolution whose weight has a norm for each entry of the axis `weight_norm`, or none."""

    def __init__(self, *args: Any, weight_norm: int | None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.weight_norm = weight_norm
        if weight_norm is not None:
            weight = self.weight
            del self.weight
            # the names that checkpoints have
            self.parametrizations = Group(weight=WeightNorm(weight, weight_norm))

    def kernel(self) -> Tensor:
        """The weight, put together."""
        return self.weight if self.weight_norm is None else self.parametrizations.weight()


class NormedConv1d(Normed, nn.Conv1d):
    """[b, in, s] -> [b, out, s']; the weight is [out, in / groups, k]."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.kernel(), self.bias)


class NormedConvTranspose1d(Normed, nn.ConvTranspose1d):
    """The transpose: [b, in, s] -> [b, out, s']; the weight is [in, out / groups, k]."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose1d(
            x,
            self.kernel(),
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
        )
