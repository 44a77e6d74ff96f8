"""Positions as sines and cosines of many wavelengths."""

from __future__ import annotations

import torch
from torch import Tensor


def sinusoidal_positions(
    count: int, width: int, steps: float, device: torch.device | None = None
) -> Tensor:
    """Sines, then cosines of the positions below `count`: float32 [count, width].

    Frequency k of the width / 2 ones is 10000 ** (-k / steps) (Vaswani et al. 2017, 3.5). Computed
    in float64, so that far positions are as exact as near ones; costs a table for each call.
    """
    frequency = 10000.0 ** (-torch.arange(width // 2, dtype=torch.float64) / steps)
    angle = torch.arange(count, dtype=torch.float64)[:, None] * frequency
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1).to(torch.float32).to(device)
