"""Targets of a batch, of which each row has its own number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..rows import named_values

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]


def padded(rows: Rows, name: str, fill: float) -> Tensor:
    """The tensors of one name as one: [b, ...], each axis as long as the longest needs it.

    `rows` are dictionaries, one for each row of the batch, or a dictionary of lists. What a
    tensor does not reach is `fill`.
    """
    tensors = [torch.as_tensor(value) for value in named_values(rows, name)]
    sizes = [max(lengths) for lengths in zip(*(x.shape for x in tensors), strict=True)]
    return torch.stack([_grown(x, sizes, fill) for x in tensors])


def _grown(x: Tensor, sizes: list[int], fill: float) -> Tensor:
    more = [size - have for have, size in zip(x.shape, sizes, strict=True)]
    return F.pad(x, [side for count in reversed(more) for side in (0, count)], value=fill)
