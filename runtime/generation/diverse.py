"""Diverse beam search (Vijayakumar et al. 2018): groups of beams, each of which is kept away from
the tokens that the groups before it have just chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .beams import NEVER, gather, power, put
from .processors.diversity import hamming
from .selection import Frame, Stop, is_any, process


class Groups(NamedTuple):
    """Running beams, g groups of n in each row, and what has ended, up to n a group, best first.

    Ids int [b, g, n, c], scores float [b, g, n], origins int [b, g, n, steps]; `counts` int
    [b, g, n]: the length of what has ended. `done` bool [b, g]: groups that are finished.
    """

    ids: Any
    scores: Any
    origins: Any
    ended_ids: Any
    ended_scores: Any
    ended_origins: Any
    ended_lengths: Any
    done: Any
    stopped: Any
    length: Any


@dataclass(frozen=True)
class DiverseBeamSearch:
    """The settings of a search; `penalty` lowers the scores of a token for each beam of an earlier
    group of the row that has just chosen it. `place`: before which of the processors."""

    processors: tuple[Any, ...]
    groups: int
    group_size: int
    penalty: float
    place: int = 0
    length_penalty: float = 1.0
    early: bool | str = False
    eos: tuple[int, ...] = ()
    pad: int = 0

    logarithms = True

    @property
    def width(self) -> int:
        """The beams of a row."""
        return self.groups * self.group_size

    @property
    def fill(self) -> int:
        """What stands behind the end of sequences."""
        return self.pad

    def begin(self, ops: Any, ids: Any, frame: Frame, steps: int, key: Any) -> Groups:
        """The state before the first step; only the first beam of a group counts."""
        rows, capacity = ops.shape(ids)
        shape = (rows, self.groups, self.group_size)
        ids = ops.reshape(ops.repeat_rows(ids, self.width), (*shape, capacity))
        first = ops.cast(ops.arange(self.group_size) > 0, ops.float32) * NEVER
        nowhere = ops.full((*shape, steps), -1, ops.int_)
        return Groups(
            ids=ids,
            scores=ops.full(shape, 0.0, ops.float32) + first[None, None],
            origins=nowhere,
            ended_ids=ids,
            ended_scores=ops.full(shape, LEAST, ops.float32),
            ended_origins=nowhere,
            ended_lengths=ops.full(shape, 0, ops.int_),
            done=ops.full((rows, self.groups), False, ops.bool_),
            stopped=ops.array(False),
            length=frame.prompt,
        )

    def last(self, ops: Any, state: Groups) -> Any:
        """The tokens that the model reads next, [b * g * n]."""
        *shape, capacity = ops.shape(state.ids)
        flat = ops.reshape(state.ids, (shape[0] * self.width, capacity))
        return ops.column(flat, state.length - 1)

    def update(
        self, ops: Any, state: Groups, frame: Frame, logits: Any, stop: Stop | None = None
    ) -> tuple[Groups, Any, Any]:
        """The search one token on, from which of all beams each goes on, and the scores."""
        rows = ops.shape(state.ids)[0]
        size = ops.shape(logits)[-1]
        log_probs = ops.log_softmax(logits)
        log_probs = ops.reshape(log_probs, (rows, self.groups, self.group_size, size))
        chosen, parts, scores = [], [], []
        for group in range(self.groups):
            part, tokens, processed = self._group(ops, state, frame, group, log_probs, chosen)
            chosen.append(tokens)
            parts.append(part)
            scores.append(processed)
        merged = [ops.stack(list(field), 1) for field in zip(*parts, strict=True)]
        whence, *fields = merged
        state = Groups(*fields, state.stopped, state.length + 1)
        if stop is not None:
            *shape, capacity = ops.shape(state.ids)
            flat = ops.reshape(state.ids, (rows * self.width, capacity))
            all_stop = ops.all_(stop(flat, state.length, None))
            state = state._replace(stopped=state.stopped | all_stop)
        whence = ops.reshape(whence, (rows * self.width,))
        scores = ops.reshape(ops.stack(scores, 1), (rows * self.width, size))
        return state, whence, scores

    def _group(
        self, ops: Any, state: Groups, frame: Frame, group: int, log_probs: Any, chosen: list
    ) -> tuple[tuple, Any, Any]:
        """One group's step: where its beams come from and its part of the state; its tokens."""
        n, length = self.group_size, state.length
        ids, origins = state.ids[:, group], state.origins[:, group]
        rows, _, capacity = ops.shape(ids)
        size = ops.shape(log_probs)[-1]
        scores = self._processed(ops, ids, length, frame, log_probs[:, group], chosen)
        total = ops.reshape(scores + state.scores[:, group][:, :, None], (rows, n * size))
        count = max(2, 1 + len(self.eos)) * n
        top, picked = ops.top_k(total, count)
        beam, tokens = picked // size, picked % size

        # What ends competes with what has ended; only the best n may.
        ends = is_any(tokens, self.eos) if self.eos else ops.full((rows, count), False, ops.bool_)
        done = state.done[:, group]
        leaves = ends & (ops.arange(count) < n)[None] & ~done[:, None]
        span = power(ops, length + 1 - frame.prompt, self.length_penalty)
        final = ops.where(leaves, top / span, LEAST)
        own_origins = gather(ops, origins, beam)
        ended = self._merged(ops, state, group, final, gather(ops, ids, beam), own_origins, length)

        # The best n that do not end go on; there are always so many.
        order = ops.cast(ends, ops.int_) * count + ops.arange(count)[None]
        _, going = ops.top_k(-order, n)
        next_scores = ops.take_along(top, going, 1)
        next_tokens = ops.take_along(tokens, going, 1)
        next_beams = ops.take_along(beam, going, 1)
        next_scores = ops.where(done[:, None], 0.0, next_scores)
        next_tokens = ops.where(done[:, None], self.pad, next_tokens)
        next_beams = ops.where(done[:, None], 0, next_beams)
        whence = next_beams + group * n + self.width * ops.arange(rows)[:, None]
        place = length - frame.prompt
        new_ids = put(ops, gather(ops, ids, next_beams), length, next_tokens)
        new_origins = put(ops, gather(ops, origins, next_beams), place, whence)

        done = done | self._is_done(ops, ended[1], top, length + 1, frame)
        state_part = (new_ids, next_scores, new_origins, *ended, done)
        return (whence, *state_part), next_tokens, scores

    def _processed(
        self, ops: Any, ids: Any, length: Any, frame: Frame, log_probs: Any, chosen: list
    ) -> Any:
        rows, n, capacity = ops.shape(ids)
        size = ops.shape(log_probs)[-1]
        flat, scores = ops.reshape(ids, (rows * n, capacity)), ops.reshape(log_probs, (-1, size))
        scores = process(ops, self.processors[: self.place], flat, length, frame, scores)
        if chosen:
            scores = hamming(ops, scores, ops.concat(chosen, 1), self.penalty)
        scores = process(ops, self.processors[self.place :], flat, length, frame, scores)
        return ops.reshape(scores, (rows, n, size))

    def _merged(
        self, ops: Any, state: Groups, group: int, final: Any, ids: Any, origins: Any, length: Any
    ) -> tuple[Any, Any, Any, Any]:
        """The best n of what had ended and what ends now: without the token that ends it."""
        rows, count = ops.shape(final)
        lengths = ops.full((rows, count), 0, ops.int_) + length
        scores = ops.concat([state.ended_scores[:, group], final], 1)
        scores, best = ops.top_k(scores, self.group_size)
        ids = gather(ops, ops.concat([state.ended_ids[:, group], ids], 1), best)
        origins = gather(ops, ops.concat([state.ended_origins[:, group], origins], 1), best)
        lengths = ops.concat([state.ended_lengths[:, group], lengths], 1)
        return ids, scores, origins, ops.take_along(lengths, best, 1)

    def _is_done(self, ops: Any, ended: Any, top: Any, length: Any, frame: Frame) -> Any:
        """Which rows' group has n sequences that nothing running is likely to beat; bool [b]."""
        full = ops.all_(ended > LEAST, axis=1)
        if self.early is True:
            return full
        furthest = self.early == "never" and self.length_penalty > 0.0
        span = (frame.limit if furthest else length) - frame.prompt
        best = ops.max_(top, axis=1) / power(ops, span, self.length_penalty)
        return full & (ops.min_(ended, axis=1) >= best)

    def goes_on(self, ops: Any, state: Groups, frame: Frame) -> Any:
        """Whether some group of some row goes on; bool []."""
        return (state.length < frame.limit) & ~ops.all_(state.done) & ~state.stopped

    def finish(self, ops: Any, state: Groups, prompt: int) -> tuple[Any, Any, Any, Any]:
        """The sequences of each row over all groups, best first: ids [b, g * n, c], scores,
        lengths [b, g * n] and origins; what still runs counts as if it ended."""
        running = state.scores / power(ops, state.length - prompt, self.length_penalty)
        running = ops.where(state.done[:, :, None], LEAST, running)
        lengths = ops.full(ops.shape(running), 0, ops.int_) + state.length
        found = []
        for group in range(self.groups):
            scores = ops.concat([state.ended_scores[:, group], running[:, group]], 1)
            scores, best = ops.top_k(scores, self.group_size)
            ids = ops.concat([state.ended_ids[:, group], state.ids[:, group]], 1)
            origins = ops.concat([state.ended_origins[:, group], state.origins[:, group]], 1)
            counts = ops.concat([state.ended_lengths[:, group], lengths[:, group]], 1)
            found.append(
                (gather(ops, ids, best), scores, ops.take_along(counts, best, 1),
                 gather(ops, origins, best))
            )  # fmt: skip
        ids, scores, counts, origins = (
            ops.concat(list(field), 1) for field in zip(*found, strict=True)
        )
        scores, best = ops.top_k(scores, self.width)
        counts = ops.take_along(counts, best, 1)
        return gather(ops, ids, best), scores, counts, gather(ops, origins, best)


LEAST = -3.0e38  # the score of a place where nothing has ended
