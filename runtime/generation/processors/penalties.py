"""Tokens of the text so far, or of the source, made less or more likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..step import Step
from .base import Processor


@dataclass(frozen=True)
class RepetitionPenalty(Processor):
    """Tokens so far, the prompt's and its padding among them, become less likely (Keskar et al.
    2019): positive scores are divided by the penalty, negative ones multiplied."""

    penalty: float

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        filled = ops.arange(ops.shape(step.ids)[1], like=step.ids)[None] < step.length
        found = ops.scatter_any(step.ids, filled, ops.shape(scores)[-1])
        return _penalised(ops, scores, found, self.penalty)


@dataclass(frozen=True)
class EncoderRepetitionPenalty(Processor):
    """Tokens of the source become more likely, in the same way."""

    penalty: float

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        if step.source is None:
            return scores
        rows, size = ops.shape(scores)
        found = ops.scatter_any(step.source, True, size)
        found = ops.repeat_rows(found, rows // ops.shape(found)[0])
        return _penalised(ops, scores, found, 1 / self.penalty)


def _penalised(ops: Any, scores: Any, found: Any, penalty: float) -> Any:
    # A product for negative scores and a quotient for others: always the smaller, or the larger.
    choose = ops.minimum if penalty >= 1 else ops.maximum
    return ops.where(found, choose(scores * penalty, scores / penalty), scores)
