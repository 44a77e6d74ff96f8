"""Random numbers that are always the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import twister


@torch.library.custom_op("triptych::seeded_normal", mutates_args=())
def _seeded_normal(seed: int, shape: Sequence[int], device: torch.device) -> Tensor:
    return torch.from_numpy(twister.seeded_normal(seed, shape)).to(device)


@_seeded_normal.register_fake
def _(seed: int, shape: Sequence[int], device: torch.device) -> Tensor:
    return torch.empty(shape, dtype=torch.float32, device=device)


def seeded_normal(seed: int, shape: Sequence[int], device: torch.device) -> Tensor:
    """Standard normal float32 values that depend on the seed alone; made on the host."""
    return _seeded_normal(seed, list(shape), device)
