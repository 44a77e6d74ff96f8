"""Classifier-free guidance (Sanchez et al. 2023): away from what the model would say unprompted."""

from __future__ import annotations

from typing import Any

from .calls import Caller, Carry, expand
from .loops import Step, Whole, scores_of
from .processors.base import Processor


class Guidance(Processor):
    """Moves scores away from those after another prompt, which the same tokens continue.

    `ids` [b, s] and `inputs`: that prompt and what goes with it, `carry`: what is kept of it, if
    anything is, `logits` [b, v]: the scores after it. Scores become log-probabilities: the other
    ones plus `scale` times the difference. A rule for one search, whose state it keeps.
    """

    host = True

    def __init__(
        self,
        engine: Any,
        model: Any,
        caller: Caller,
        scale: float,
        logits: Any,
        carry: Carry | None,
        ids: Any,
        inputs: dict[str, Any],
    ):
        self.engine, self.model, self.caller = engine, model, caller
        self.scale, self.logits, self.carry = scale, logits, carry
        self.ids, self.inputs = ids, inputs
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
        count = rows // given
        self.logits = ops.repeat_rows(self.logits, count)
        self.ids = ops.repeat_rows(self.ids, count)
        self.inputs = {name: ops.repeat_rows(x, count) for name, x in self.inputs.items()}
        if self.carry is not None:
            self.carry = expand(ops, self.engine.caches, self.carry, count, given)
        self._started = True

    def _read(self, ops: Any, last: Any) -> None:
        length = ops.shape(self.ids)[1]
        self.ids = ops.concat([self.ids, ops.cast(last, self.ids.dtype)[:, None]], 1)
        if self.carry is None:
            arrays = {"inputs": self.inputs, "tokens": self.ids}
            output = self.engine.call(self.model, Whole(self.engine, self.caller), None, arrays)
        else:
            arrays = {"tokens": last[:, None], "length": length}
            step = Step(self.engine, self.caller)
            output, self.carry = self.engine.call(self.model, step, self.carry, arrays)
        self.logits = scores_of(ops, output)
