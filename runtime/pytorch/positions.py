"""Where keys are, and how far away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..buckets import log_bucket_table

if TYPE_CHECKING:
    from .cache import Cache
    from .states import Slots


def key_positions(
    count: int, past: Cache | Slots | None = None, device: torch.device | None = None
) -> Tensor:
    """The positions of all keys once a cache holds `count` new tokens, too: int64 [1, t].

    In compiled code on a preallocated cache those of all its room.
    """
    if past is not None:
        known = not isinstance(past.offset, Tensor)
        count = past.offset + count if known else past.capacity
    return torch.arange(count, device=device)[None]


def log_buckets(distance: Tensor, exact: int, count: int, limit: int) -> Tensor:
    """The bucket of each distance, of the shape of `distance`; one gather from a small table.

    Distances below `exact` are buckets of their own, farther ones fall into count - exact steps
    that grow up to `limit`.
    """
    table = torch.tensor(log_bucket_table(exact, count, limit).tolist(), device=distance.device)
    return table[distance.clamp(0, limit)]
