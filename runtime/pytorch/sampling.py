"""Values between the pixels of a map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def grid_sample(x: Tensor, points: Tensor, align_corners: bool = False) -> Tensor:
    """x [b, c, h, w] at points [b, i, j, 2], bilinearly: [b, c, i, j]; outside of x all is 0.

    A point (x, y) runs from -1 to 1: between the outer edges of the outer pixels or, with
    `align_corners`, between their centres.
    """
    return F.grid_sample(x, points.to(x.dtype), align_corners=align_corners)
