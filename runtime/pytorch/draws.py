"""Random values of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..draws import Draws


def gumbel(shape: Sequence[int], **options: Any) -> Tensor:
    return -torch.empty(shape, **options).exponential_().log()


SAMPLERS = {"normal": torch.randn, "uniform": torch.rand, "gumbel": gumbel}


def draws_of(given: Mapping[str, Any] | Draws | None) -> Draws:
    """What is given, otherwise values of PyTorch's generator."""
    if isinstance(given, Draws):  # those of a model around this one
        return given
    return Draws(given, sample, convert)


def sample(distribution: str, shape: Sequence[int], like: Tensor) -> Tensor:
    return SAMPLERS[distribution](tuple(shape), dtype=like.dtype, device=like.device)


def convert(values: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


__all__ = ["Draws", "draws_of"]
