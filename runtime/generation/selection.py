"""Greedy decoding and sampling: one token for each row at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .step import Step

Stop = Callable[[Any, Any, Any], Any]  # (ids, length, scores) -> bool [b]: which rows end


class Rows(NamedTuple):
    """What has been generated: ids int [b, c], of which the first `length` columns are filled, and
    which rows are finished, bool [b]; the state of the random numbers."""

    ids: Any
    length: Any
    finished: Any
    key: Any


class Frame(NamedTuple):
    """What stays the same: the length of the prompt, the most tokens, the source's ids or None."""

    prompt: Any
    limit: Any
    source: Any


def is_any(tokens: Any, wanted: tuple[int, ...]) -> Any:
    """Which tokens are among some; bool, of the tokens' shape."""
    found = tokens == wanted[0]
    for token in wanted[1:]:
        found = found | (tokens == token)
    return found


def process(ops: Any, processors: tuple, ids: Any, length: Any, frame: Frame, scores: Any) -> Any:
    """Scores [b, v] after all processors."""
    step = Step(ids, length, frame.prompt, frame.limit, frame.source)
    for processor in processors:
        scores = processor(ops, step, scores)
    return scores


@dataclass(frozen=True)
class Selection:
    """How the next token of a row is chosen from scores [b, v]; known before any work.

    `processors` change the scores one after the other. `eos`: tokens that end a row, after which
    it is filled with `pad`. `width`: how many rows each prompt becomes. `stops`: whether something
    else may end rows.
    """

    processors: tuple[Any, ...] = ()
    sample: bool = False
    eos: tuple[int, ...] = ()
    pad: int = 0
    width: int = 1
    stops: bool = False

    logarithms = False  # scores are logits

    @property
    def fill(self) -> int:
        """What stands in places that are not filled yet."""
        return self.pad

    def begin(self, ops: Any, ids: Any, frame: Frame, steps: int, key: Any) -> Rows:
        """The state before the first step, from prompts [b, c]."""
        ids = ops.repeat_rows(ids, self.width) if self.width > 1 else ids
        finished = None
        if self.eos or self.stops:
            finished = ops.full((ops.shape(ids)[0],), False, ops.bool_)
        return Rows(ids, frame.prompt, finished, key)

    def last(self, ops: Any, rows: Rows) -> Any:
        """The tokens that the model reads next, [b]."""
        return ops.column(rows.ids, rows.length - 1)

    def update(
        self, ops: Any, rows: Rows, frame: Frame, logits: Any, stop: Stop | None = None
    ) -> tuple[Rows, None, Any]:
        """The rows with their next tokens, and the scores [b, v] these were chosen by."""
        scores = process(ops, self.processors, rows.ids, rows.length, frame, logits)
        key, finished = rows.key, rows.finished
        if self.sample:
            key, used = ops.split_key(key)
            tokens = ops.categorical(used, scores)
        else:
            tokens = ops.argmax(scores)
        if finished is not None:
            tokens = ops.where(finished, self.pad, tokens)
        ids = ops.set_column(rows.ids, rows.length, tokens)
        if self.eos:
            finished = finished | is_any(tokens, self.eos)
        if stop is not None:
            finished = finished | stop(ids, rows.length + 1, scores)
        return Rows(ids, rows.length + 1, finished, key), None, scores

    def goes_on(self, ops: Any, rows: Rows, frame: Frame) -> Any:
        """Whether some row goes on; bool []."""
        room = rows.length < frame.limit
        if rows.finished is None:
            return room
        return room & ~ops.all_(rows.finished)
