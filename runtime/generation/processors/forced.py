"""Tokens that must come first or last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..step import Step
from .base import NEVER, Processor, mask, require_tokens


@dataclass(frozen=True)
class ForcedBos(Processor):
    """The token after the first one of all."""

    tokens: tuple[int, ...]

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return _forced(ops, scores, self.tokens, step.length == 1, "forced_bos_token_id")


@dataclass(frozen=True)
class ForcedEos(Processor):
    """The last token that there is room for; one of several."""

    tokens: tuple[int, ...]

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        last = step.length == step.limit - 1
        return _forced(ops, scores, self.tokens, last, "forced_eos_token_id")


def _forced(ops: Any, scores: Any, tokens: tuple[int, ...], when: Any, key: str) -> Any:
    require_tokens(tokens, ops.shape(scores)[-1], key)
    if when is False:
        return scores
    only = ops.where(mask(ops, tokens, scores), 0.0, NEVER)
    return ops.where(when, only[None], scores)
