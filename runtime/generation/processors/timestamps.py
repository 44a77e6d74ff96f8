"""Times among the tokens of a transcription (Radford et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..step import Step
from .base import Processor, forbid


@dataclass(frozen=True)
class Timestamps(Processor):
    """Segments of text between two times, which never go back.

    All tokens after `no_timestamps`, which itself is forbidden, are times. The text begins with
    one, of the first `latest_first` + 1 where that is given. A time stands alone only before
    `eos`, or after text. Where a time is likelier than any word, one is chosen.

    `begin`: where the transcription begins in the ids; None: after the prompt. `detect`: whether
    the last rule holds.
    """

    eos: int
    no_timestamps: int
    latest_first: int | None = None
    begin: int | None = None
    detect: bool = True

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        begin = step.prompt if self.begin is None else self.begin
        token = ops.arange(ops.shape(scores)[-1], like=scores)[None]
        is_time = token > self.no_timestamps
        single, double, least = self._times(ops, step, begin)
        scores = forbid(ops, scores, token == self.no_timestamps)
        scores = forbid(ops, scores, (is_time & double) | ((token < self.eos) & single))
        scores = forbid(ops, scores, is_time & (token < least))
        scores = forbid(ops, scores, self._not_first(token), step.length == begin)
        return self._detected(ops, scores, is_time) if self.detect else scores

    def _times(self, ops: Any, step: Step, begin: Any) -> tuple[Any, Any, Any]:
        """bool [b, 1]: whether the text ends with one time, with two or nothing but one; and the
        least time that may come next, int [b, 1]."""
        count = step.length - begin
        last = ops.column(step.ids, step.length - 1)[:, None] > self.no_timestamps
        before = ops.column(step.ids, step.length - 2)[:, None] > self.no_timestamps
        last = last & (count >= 1)
        before = before | (count < 2)
        place = ops.arange(ops.shape(step.ids)[1], like=step.ids)[None]
        times = (place >= begin) & (place < step.length) & (step.ids > self.no_timestamps)
        place = ops.max_(ops.where(times, place, -1), axis=1, keepdims=True)
        latest = ops.take_along(step.ids, ops.maximum(place, 0), 1)
        single = last & ~before
        least = ops.where(single, latest, latest + 1)
        return single, last & before, ops.where(place >= 0, least, 0)

    def _not_first(self, token: Any) -> Any:
        banned = token <= self.no_timestamps
        if self.latest_first is not None:
            banned = banned | (token > self.no_timestamps + 1 + self.latest_first)
        return banned

    def _detected(self, ops: Any, scores: Any, is_time: Any) -> Any:
        likely = ops.log_softmax(scores)
        times = ops.logsumexp(likely[:, self.no_timestamps + 1 :])
        words = ops.max_(likely[:, : self.no_timestamps + 1], axis=-1, keepdims=True)
        return forbid(ops, scores, (times > words) & ~is_time)
