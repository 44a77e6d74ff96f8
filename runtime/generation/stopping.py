"""When a sequence has enough tokens: conditions that are asked after each step, in Python."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, show
from .values import to_numpy

if TYPE_CHECKING:
    from .config import GenerationConfig

Criterion = Callable[..., Any]
START = 8  # tokens that are decoded at first to find a stop string
# The first characters of a part of a row may differ: a space before it, bytes of a character.
SPARE = 4


class StoppingCriteria:
    """Base of conditions: called with ids int [b, s] and the step's scores, returns bool [b].

    A condition of one's own may be any function of these arguments that takes further keywords,
    and may return one bool for all rows.
    """

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __call__")


class MaxLengthCriteria(StoppingCriteria):
    """Stops all rows at `max_length` tokens, the prompt included."""

    def __init__(self, max_length: int, max_position_embeddings: int | None = None):
        self.max_length = max_length
        self.max_position_embeddings = max_position_embeddings

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> np.ndarray:
        batch, length = input_ids.shape
        return np.full(batch, length >= self.max_length)


class MaxTimeCriteria(StoppingCriteria):
    """Stops all rows `max_time` seconds after `initial_timestamp`: time.time(), by default now."""

    def __init__(self, max_time: float, initial_timestamp: float | None = None):
        self.max_time = max_time
        self.initial_timestamp = time.time() if initial_timestamp is None else initial_timestamp

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> np.ndarray:
        return np.full(len(input_ids), time.time() - self.initial_timestamp > self.max_time)


class EosTokenCriteria(StoppingCriteria):
    """Stops rows whose last token ends a sequence."""

    def __init__(self, eos_token_id: int | Sequence[int]):
        self.eos_token_id = np.atleast_1d(to_numpy(eos_token_id))

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> np.ndarray:
        return np.isin(to_numpy(input_ids[:, -1]), self.eos_token_id)


class StopStringCriteria(StoppingCriteria):
    """Stops rows in which a string ends within the text of the last token.

    The string may begin in earlier tokens, and the last token may go on behind it. `tokenizer`
    needs `decode(ids)` only.
    """

    def __init__(self, tokenizer: Any, stop_strings: str | Sequence[str]):
        self.tokenizer = tokenizer
        self.stop_strings = (stop_strings,) if isinstance(stop_strings, str) else (*stop_strings,)
        if not self.stop_strings or not all(self.stop_strings):
            expected = "strings of one character or more"
            raise InputError(key="stop_strings", expected=expected, found=show(stop_strings))

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> np.ndarray:
        return np.array([self._ends(row) for row in to_numpy(input_ids).tolist()], dtype=bool)

    def _ends(self, row: list[int]) -> bool:
        text, before = self._tail(row)
        return any(
            text.find(string, max(0, before - len(string) + 1)) >= 0 for string in self.stop_strings
        )

    def _tail(self, row: list[int]) -> tuple[str, int]:
        """The text of a row's end, and how much of it was there before the last token."""
        longest = max(map(len, self.stop_strings))
        count = START
        while True:
            tail = row[-count:]
            text, earlier = self.tokenizer.decode(tail), self.tokenizer.decode(tail[:-1])
            # A token may also change the text before it: bytes become a character, say.
            before = len(os.path.commonprefix([text, earlier]))
            if before >= longest + SPARE or count >= len(row):
                return text, before
            count *= 2


class StoppingCriteriaList(list):
    """Conditions of which any stops a row."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> np.ndarray:
        batch = len(input_ids)
        done = np.zeros(batch, dtype=bool)
        for criterion in self:
            done |= _rows(criterion(input_ids, scores, **kwargs), batch)
        return done

    @property
    def max_length(self) -> int | None:
        """The length at which all rows stop, if there is one."""
        lengths = (item.max_length for item in self if isinstance(item, MaxLengthCriteria))
        return next(lengths, None)

    def merged(self, own: Iterable[Criterion] | None) -> StoppingCriteriaList:
        """These and the caller's own; one of the same class takes the place of ours."""
        own = list(own or ())
        replaced = {type(item) for item in own if isinstance(item, StoppingCriteria)}
        return StoppingCriteriaList([item for item in self if type(item) not in replaced] + own)


def build_criteria(
    config: GenerationConfig,
    maximum: int,
    *,
    eos_token_id: int | Sequence[int] | None = None,
    tokenizer: Any = None,
    own: Iterable[Criterion] | None = None,
) -> StoppingCriteriaList:
    """All conditions of a call; `maximum` as `lengths.plan_lengths` has it."""
    criteria = StoppingCriteriaList([MaxLengthCriteria(maximum)])
    if config.max_time is not None:
        criteria.append(MaxTimeCriteria(config.max_time))
    if config.stop_strings is not None:
        criteria.append(StopStringCriteria(tokenizer, config.stop_strings))
    if eos_token_id is not None:
        criteria.append(EosTokenCriteria(eos_token_id))
    return criteria.merged(own)


def _rows(value: Any, batch: int) -> np.ndarray:
    found = to_numpy(value)
    if found.shape not in ((), (batch,)):
        expected = f"true or false, or one of them for each of {batch} rows"
        found = f"an array of shape {list(found.shape)}"
        raise InputError(key="stopping_criteria", expected=expected, found=found)
    return found.astype(bool)
