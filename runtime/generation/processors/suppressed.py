"""Tokens that must not come, ever or first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..step import Step
from .base import Processor, forbid, mask


@dataclass(frozen=True)
class Suppress(Processor):
    """Tokens that must not come."""

    tokens: tuple[int, ...]

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return forbid(ops, scores, mask(ops, self.tokens, scores))


@dataclass(frozen=True)
class SuppressAtBegin(Processor):
    """Tokens that must not come first after the prompt.

    `forced_bos`: after a prompt of one token another one is forced, and they must not come next.
    """

    tokens: tuple[int, ...]
    forced_bos: bool = False

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        begin = step.prompt
        if self.forced_bos:
            begin = ops.where(step.prompt > 1, step.prompt, step.prompt + 1)
        return forbid(ops, scores, mask(ops, self.tokens, scores), step.length == begin)
