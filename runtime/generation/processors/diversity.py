"""Groups of beams kept apart."""

from __future__ import annotations

from typing import Any


def hamming(ops: Any, scores: Any, chosen: Any, penalty: float) -> Any:
    """Scores [b * n, v] of a group of n beams, less `penalty` for each time that beams of earlier
    groups of the same row have chosen a token at this step, `chosen` int [b, m]."""
    size = ops.shape(scores)[-1]
    ones = ops.full(ops.shape(chosen), 1.0, ops.float32, like=scores)
    counts = ops.scatter_add(chosen, ones, size)
    return scores - penalty * ops.repeat_rows(counts, ops.shape(scores)[0] // ops.shape(chosen)[0])
