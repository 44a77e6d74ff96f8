"""Scores brought into a form that any search can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..step import Step
from .base import Processor

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class RemoveInvalid(Processor):
    """NaN becomes 0, infinity the largest number."""

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        scores = ops.where(ops.is_nan(scores), 0.0, scores)
        return ops.minimum(ops.maximum(scores, -LARGEST), LARGEST)


@dataclass(frozen=True)
class Normalize(Processor):
    """Logarithms of probabilities that sum to 1."""

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return ops.log_softmax(scores)
