"""Classifier-free guidance (Sanchez et al. 2023): away from what the model would say unprompted."""

from __future__ import annotations

from typing import Any

from .calls import Caller, expand


class Guidance:
    """Moves scores away from those after another prompt, which the same tokens continue.

    `carry`: what is kept of that prompt, `logits` [b, v]: the scores after it, `length`: how many
    tokens it has. Scores become log-probabilities, the other ones' plus `scale` times the
    difference.
    """

    def __init__(
        self,
        engine: Any,
        model: Any,
        caller: Caller,
        scale: float,
        logits: Any,
        carry: Any,
        length: int,
    ):
        self.engine, self.model, self.caller = engine, model, caller
        self.scale, self.logits, self.carry, self.length = scale, logits, carry, length
        self._started = False

    def begin(self, width: int) -> None:
        """Before the first step: each row `width` times."""
        ops = self.engine.ops
        rows = ops.shape(self.logits)[0]
        self.carry = expand(ops, self.engine.caches, self.carry, width, rows)
        self.logits = ops.repeat_rows(self.logits, width)

    def __call__(self, logits: Any, last: Any) -> Any:
        """The guided scores [b, v]; `last` [b]: the tokens that all rows end with."""
        from .loops import Step, scores_of

        ops = self.engine.ops
        if self._started:
            arrays = {"tokens": last[:, None], "length": self.length}
            step = Step(self.engine, self.caller)
            output, self.carry = self.engine.call(self.model, step, self.carry, arrays)
            self.logits = scores_of(ops, output)
            self.length = self.length + 1
        self._started = True
        other = ops.log_softmax(self.logits)
        return self.scale * (ops.log_softmax(logits) - other) + other
