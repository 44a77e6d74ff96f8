"""Rows put into the places of others."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError


def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """x [b, s, d] with the rows of `source` [..., d], in their order, where `mask` [b, s] holds.

    There must be as many rows as places; compiled code, which cannot look, uses the last row again
    where there are too few. Costs a cumulative sum over the mask and one gather of b * s rows.
    """
    rows = source.reshape(-1, source.shape[-1])
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        _compare(int(mask.sum()), rows.shape[0])
    index = (mask.flatten().cumsum(0) - 1).clamp(0, rows.shape[0] - 1)
    return torch.where(mask[..., None], rows[index].reshape(x.shape), x)


def _compare(places: int, rows: int) -> None:
    if places != rows:
        raise InputError("places to fill", expected=f"{rows}, as many as rows", found=str(places))
