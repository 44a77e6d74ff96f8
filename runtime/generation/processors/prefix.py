"""Tokens that a caller's function allows after each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...errors import InputError
from ..step import Step
from .base import Processor, forbid, require_tokens


@dataclass(frozen=True)
class PrefixConstrained(Processor):
    """`function(row of the batch, its ids [length])` lists the tokens that may come next."""

    function: Callable[[int, Any], Sequence[int]]
    beams: int = 1

    host: ClassVar[bool] = True

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        rows, size = ops.shape(scores)
        ids = step.ids[:, : ops.item(step.length)]
        banned = np.ones((rows, size), bool)
        for row in range(rows):
            allowed = [int(token) for token in self.function(row // self.beams, ids[row])]
            if not allowed:
                what = f"no token is allowed in row {row // self.beams}"
                raise InputError(what, key="prefix_allowed_tokens_fn", expected="at least one")
            require_tokens(allowed, size, "prefix_allowed_tokens_fn")
            banned[row, allowed] = False
        return forbid(ops, scores, ops.array(banned, like=scores))
