"""When a text may end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...errors import InputError
from ..step import Step
from .base import Processor, forbid, mask


@dataclass(frozen=True)
class MinLength(Processor):
    """No end before there are `length` tokens, with the prompt."""

    length: int
    eos: tuple[int, ...]

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return forbid(ops, scores, mask(ops, self.eos, scores), step.length < self.length)


@dataclass(frozen=True)
class MinNewTokens(Processor):
    """No end before there are `count` tokens after the prompt."""

    count: int
    eos: tuple[int, ...]

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        early = step.length - step.prompt < self.count
        return forbid(ops, scores, mask(ops, self.eos, scores), early)


@dataclass(frozen=True)
class ExponentialDecayLength(Processor):
    """From `start` tokens after the prompt on, an end becomes more likely: its score grows by its
    size times factor^n - 1 at the n-th token from there. What is forbidden stays so."""

    start: int
    factor: float
    eos: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.factor > 0:
            key = "exponential_decay_length_penalty"
            raise InputError(key=key, expected="a positive factor", found=str(self.factor))

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        late = step.length - (step.prompt + self.start)
        growth = ops.expm1(ops.cast(ops.maximum(late, 0), ops.float32) * math.log(self.factor))
        grown = mask(ops, self.eos, scores) & ops.is_finite(scores) & (late > 0)
        return ops.where(grown, scores + ops.abs_(scores) * growth, scores)
