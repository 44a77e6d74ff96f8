"""Layers that are left out at random."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LayerDrop(nn.Module):
    """Whether a layer takes part in this call (Fan et al. 2019): any x -> bool [].

    In training, False with probability `rate`.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return torch.ones((), dtype=torch.bool, device=x.device)
        return torch.rand((), device=x.device) >= self.rate

    def extra_repr(self) -> str:
        return f"{self.rate}"
