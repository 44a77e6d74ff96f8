"""The cheapest assignment of targets to predictions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..assignment import assign_batch


def linear_assignment(cost: Tensor, counts: Tensor) -> Tensor:
    """The row of each column, so that the sum of the costs is least; -1 for columns without one.

    cost [b, rows, columns], of which the first counts[b] columns are there -> int64 [b, columns].
    Computed on the host, one shortest path a column (Jonker, Volgenant 1987); no gradient.
    """
    return _assigned(cost.detach().float(), counts)


@torch.library.custom_op("triptych::linear_assignment", mutates_args=())
def _assigned(cost: Tensor, counts: Tensor) -> Tensor:
    rows = assign_batch(cost.cpu().numpy(), np.asarray(counts.cpu()))
    return torch.from_numpy(rows).to(cost.device)


@_assigned.register_fake
def _(cost: Tensor, counts: Tensor) -> Tensor:
    return cost.new_empty((cost.shape[0], cost.shape[2]), dtype=torch.int64)
