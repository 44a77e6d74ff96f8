"""Values between the pixels of a map, and assignments."""

from __future__ import annotations

from ..dims import Dim
from ..types import FLOATS, Tensor, Type
from .table import op


def _grid_sample(call) -> Type:
    tensor, points = call.tensor("x"), call.tensor("points")
    if tensor.rank != 4 or tensor.dtype not in FLOATS:
        call.fail("grid_sample reads float[b, c, h, w]", found=str(tensor), at="x")
        return tensor
    if points.rank != 4 or points.dtype not in FLOATS:
        call.fail("grid_sample takes points float[b, i, j, 2]", found=str(points), at="points")
        return tensor
    call.same_dim(points.shape[0], tensor.shape[0], what="the batch of the map is", at="points")
    call.same_dim(points.shape[3], Dim.of(2), what="a point has", at="points")
    return Tensor(tensor.dtype, (*tensor.shape[:2], *points.shape[1:3]))


# bilinear; points (x, y) run from -1 to 1, and what is outside of the map is 0
op(
    "grid_sample(x, points, align_corners=False)",
    _grid_sample,
    "grid_sample(x, points, align_corners=align_corners)",
)


def _linear_assignment(call) -> Type:
    cost, counts = call.tensor("cost"), call.tensor("counts")
    if cost.rank != 3 or cost.dtype not in FLOATS:
        call.fail("linear_assignment takes float[b, rows, columns]", found=str(cost), at="cost")
        return cost
    if counts.rank != 1 or counts.dtype != "int":
        call.fail("the numbers of columns are int[b]", found=str(counts), at="counts")
    return Tensor("int", (cost.shape[0], cost.shape[2]))


# the row of each of the first counts[b] columns, so that the sum of the costs is least; -1: none
op("linear_assignment(cost, counts)", _linear_assignment, "linear_assignment(cost, counts)")
