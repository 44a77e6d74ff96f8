"""Inputs of models: which are given, and how choices become a longer batch."""

from __future__ import annotations

import torch
from torch import Tensor


def first_given(*inputs: Tensor | None) -> Tensor:
    """The first input that is not None."""
    return next(x for x in inputs if x is not None)


def merge_leading(x: Tensor | None, axes: int) -> Tensor | None:
    """Joins the first axes: [b, choices, ...] -> [b * choices, ...]; None stays None."""
    return None if x is None else x.flatten(0, axes - 1)


def last_token(x: Tensor, ids: Tensor | None, padding_id: int | None) -> Tensor:
    """The row of each sequence's last token that is no padding: x [b, s, d] -> [b, d].

    Without a padding id (or without ids) it is the last row.
    """
    if ids is None or padding_id is None:
        return x[:, -1]
    places = torch.arange(ids.shape[1], device=ids.device)
    last = ((ids != padding_id) * places).argmax(dim=-1)
    return x[torch.arange(x.shape[0], device=x.device), last]
