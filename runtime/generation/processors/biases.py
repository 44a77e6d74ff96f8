"""Sequences of tokens made more or less likely, or impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..step import Step
from .base import Processor, forbid, mask, require_tokens


@dataclass(frozen=True)
class SequenceBias(Processor):
    """Adds a number to the score of the token that would complete a sequence."""

    sequences: tuple[tuple[int, ...], ...]
    biases: tuple[float, ...]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Sequence[int], float]]) -> SequenceBias:
        """From (token ids, number); of equal sequences the last one counts."""
        table = {tuple(ids): float(bias) for ids, bias in pairs}
        return cls(tuple(table), tuple(table.values()))

    @cached_property
    def _endings(self) -> Endings:
        return Endings(self.sequences)

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        size = ops.shape(scores)[-1]
        require_tokens(self._endings.extremes, size, "sequence_bias")
        found, tokens = self._endings.completed(ops, step)
        values = ops.where(found, ops.array(self.biases, ops.float32, like=scores)[None], 0.0)
        return scores + ops.scatter_add(ops.where(found, tokens, size), values, size)


@dataclass(frozen=True)
class BadWords(Processor):
    """Sequences that must not be completed."""

    words: tuple[tuple[int, ...], ...]

    @cached_property
    def _single(self) -> tuple[int, ...]:
        return tuple(word[0] for word in self.words if len(word) == 1)

    @cached_property
    def _endings(self) -> Endings | None:
        words = tuple(word for word in self.words if len(word) > 1)
        return Endings(words) if words else None

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        size = ops.shape(scores)[-1]
        require_tokens(self._single, size, "bad_words_ids")
        banned = mask(ops, self._single, scores)[None]
        if self._endings:
            require_tokens(self._endings.extremes, size, "bad_words_ids")
            found, tokens = self._endings.completed(ops, step)
            banned = banned | ops.scatter_any(tokens, found, size)
        return forbid(ops, scores, banned)


class Endings:
    """The last tokens of m sequences, and what stands before them."""

    def __init__(self, sequences: tuple[tuple[int, ...], ...]):
        width = max(map(len, sequences))
        # Aligned to the right, -1 before.
        self.table = np.array([(-1,) * (width - len(word)) + word for word in sequences])
        self.lengths = np.array([len(word) for word in sequences])
        tokens = [token for word in sequences for token in word]
        self.extremes = (min(tokens), max(tokens))

    def completed(self, ops: Any, step: Step) -> tuple[Any, Any]:
        """Which sequences lack their last token only, bool [b, m]; those tokens, int [1, m].

        One of several tokens must be no longer than the text so far, as in the reference.
        """
        table = ops.array(self.table, like=step.ids)
        lengths = ops.array(self.lengths, like=step.ids)[None]
        found = (lengths == 1) | (lengths <= step.length)
        found = found & ops.full((ops.shape(step.ids)[0], 1), True, ops.bool_, like=step.ids)
        width = ops.shape(table)[1]
        for i in range(width - 1):
            wanted = table[:, i][None]
            token = ops.column(step.ids, step.length - (width - 1 - i))[:, None]
            found = found & ((wanted == token) | (wanted == -1))
        return found, table[:, -1][None]
