"""Places along an axis as sines and cosines with evenly spaced frequencies."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def fourier_waves(
    count: int,
    resolution: int,
    bands: int,
    closed: bool = True,
    device: torch.device | None = None,
) -> Tensor:
    """Each of `count` places, its sines, then its cosines: float32 [count, 1 + 2 * bands].

    Places run from -1 to 1, which is the last one if the axis is `closed`, and else the end behind
    it; frequencies from 1 to the Nyquist frequency of the resolution, resolution / 2
    (Jaegle et al. 2021, D). Whole turns are dropped in whole numbers, so that no angle is large
    and all sines are exact; costs two small tables.
    """
    parts = max(count - 1, 1) if closed else count
    place = 2 * torch.arange(count, device=device) - parts
    frequency = 2 * (bands - 1) + torch.arange(bands, device=device) * (resolution - 2)
    turn = 4 * (bands - 1) * parts
    angle = ((place[:, None] * frequency) % turn).to(torch.float32) * (2 * math.pi / turn)
    place = place[:, None].to(torch.float32) / parts
    return torch.cat([place, torch.sin(angle), torch.cos(angle)], dim=1)
