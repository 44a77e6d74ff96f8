"""Sequences of tokens that must not come twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..step import Step
from .base import Processor, forbid


@dataclass(frozen=True)
class NoRepeatNgram(Processor):
    """No `size` tokens in a row that the text has already."""

    size: int

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        starts = ops.shape(step.ids)[1] - self.size + 1
        if starts < 1:
            return scores
        filled = ops.arange(starts, like=step.ids)[None] + self.size <= step.length
        banned = _ends(ops, step, step.ids, filled, self.size, ops.shape(scores)[-1])
        return forbid(ops, scores, banned)


@dataclass(frozen=True)
class EncoderNoRepeatNgram(Processor):
    """No `size` tokens in a row that the source has."""

    size: int

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        rows, size = ops.shape(scores)
        if step.source is None or ops.shape(step.ids)[1] < self.size - 1:
            return scores
        starts = ops.shape(step.source)[1] - self.size + 1
        if starts < 1:
            return scores
        source = ops.repeat_rows(step.source, rows // ops.shape(step.source)[0])
        enough = step.length >= self.size - 1
        filled = ops.full((rows, starts), True, ops.bool_, like=scores) & enough
        return forbid(ops, scores, _ends(ops, step, source, filled, self.size, size))


def _ends(ops: Any, step: Step, text: Any, filled: Any, size: int, tokens: int) -> Any:
    """bool [b, v]: what follows in `text` [b, t] where the last size - 1 tokens stand in it.

    `filled`: at which starts there are `size` tokens, bool [1 or b, starts].
    """
    tail = ops.columns(step.ids, step.length - size + 1, size - 1)
    starts = ops.shape(filled)[1]
    for i in range(size - 1):
        filled = filled & (text[:, i : i + starts] == tail[:, i : i + 1])
    return ops.scatter_any(text[:, size - 1 :], filled, tokens)
