"""Classifier-free guidance (Sanchez et al. 2023): away from what the model would say unprompted."""

from __future__ import annotations

from typing import Any

from .calls import Caller, Carry, expand
from .loops import Step, scores_of
from .processors.base import Processor


class Guidance(Processor):
    """Moves scores away from those after another prompt, which the same tokens continue.

    `carry`: what is kept of that prompt, `logits` [b, v]: the scores after it, `length`: how many
    tokens it has. Scores become log-probabilities: the other ones plus `scale` times the
    difference. A rule for one search, whose state it keeps.
    """

    host = True

    def __init__(
        self,
        engine: Any,
        model: Any,
        caller: Caller,
        scale: float,
        logits: Any,
        carry: Carry,
        length: int,
    ):
        self.engine, self.model, self.caller = engine, model, caller
        self.scale, self.logits, self.carry, self.length = scale, logits, carry, length
        self._started = False

    def __call__(self, ops: Any, step: Any, scores: Any) -> Any:
        if self._started:
            self._read(ops, ops.column(step.ids, step.length - 1))
        else:
            self._begin(ops, ops.shape(scores)[0])
        other = ops.log_softmax(self.logits)
        return self.scale * (ops.log_softmax(scores) - other) + other

    def _begin(self, ops: Any, rows: int) -> None:
        """Each row as often as the search has it."""
        given = ops.shape(self.logits)[0]
        self.carry = expand(ops, self.engine.caches, self.carry, rows // given, given)
        self.logits = ops.repeat_rows(self.logits, rows // given)
        self._started = True

    def _read(self, ops: Any, last: Any) -> None:
        arrays = {"tokens": last[:, None], "length": self.length}
        step = Step(self.engine, self.caller)
        output, self.carry = self.engine.call(self.model, step, self.carry, arrays)
        self.logits = scores_of(ops, output)
        self.length = self.length + 1
