"""What all rules have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ...errors import InputError
from ..step import Step

NEVER = -float("inf")


class Processor:
    """A rule: `processor(ops, step, scores)` returns new scores [b, v]."""

    host: ClassVar[bool] = False  # whether it needs values in Python, so that nothing compiles it

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Own(Processor):
    """A caller's own function, called as its framework's users expect."""

    function: Callable[..., Any]

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return ops.call_user(self.function, step.ids, step.length, scores)


def forbid(ops: Any, scores: Any, banned: Any, when: Any = True) -> Any:
    """Scores of minus infinity where `banned` holds; `when` may be known before any work."""
    if when is False:
        return scores
    return ops.where(banned if when is True else banned & when, NEVER, scores)


def mask(ops: Any, tokens: tuple[int, ...], scores: Any) -> Any:
    """bool [v]: which tokens are among these."""
    return ops.array(_mask(tokens, ops.shape(scores)[-1]), like=scores)


@lru_cache(maxsize=64)
def _mask(tokens: tuple[int, ...], size: int) -> np.ndarray:
    found = np.zeros(size, bool)
    found[[token for token in tokens if 0 <= token < size]] = True
    return found


def require_tokens(tokens: Iterable[int], size: int, key: str) -> None:
    """Refuses tokens that the model does not have."""
    for token in tokens:
        if not 0 <= token < size:
            expected = f"tokens from 0 to {size - 1}"
            raise InputError(key=key, expected=expected, found=str(token))
