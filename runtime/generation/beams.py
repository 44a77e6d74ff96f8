"""Beam search: the likeliest sequences, several of each row at a time.

The candidates of a step are the best continuations of all beams together, so many of them that
enough are left when some end. What has ended competes by its score over a power of its length
(Wu et al. 2016, section 7, without the constant in the base).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .selection import Frame, Stop, is_any, process

NEVER = -1.0e9  # a score that no sequence has


class Beams(NamedTuple):
    """Running and ended sequences of each row, n of both, best first.

    Ids are int [b, n, c], scores float [b, n] (of running ones, the log-probability; of ended ones
    over the penalty for length), origins int [b, n, steps]: from which of all b * n beams each
    token went on, -1 where there is none. `open` bool [b, 1]: rows in which a running beam may
    still become better than what has ended. `going` bool []: whether the search goes on.
    """

    ids: Any
    scores: Any
    origins: Any
    ended_ids: Any
    ended_scores: Any
    ended_origins: Any
    ended: Any
    open: Any
    going: Any
    length: Any
    key: Any


@dataclass(frozen=True)
class BeamSearch:
    """The settings of a search; known before any work.

    `early`: whether a row ends as soon as it has as many sequences as beams (True), when no running
    beam is likely to become better (False), or when none can ("never"). `fill`: what stands behind
    the end of sequences.
    """

    processors: tuple[Any, ...]
    width: int
    sample: bool = False
    length_penalty: float = 1.0
    early: bool | str = False
    eos: tuple[int, ...] = ()
    fill: int = -1

    logarithms = True  # scores are log-probabilities, which add up

    @property
    def candidates(self) -> int:
        """How many continuations of a row are looked at in a step."""
        return max(2, 1 + len(self.eos)) * self.width

    def begin(self, ops: Any, ids: Any, frame: Frame, steps: int, key: Any) -> Beams:
        """The state before the first step, from prompts [b, c] behind which all is `fill`.

        Only the first beam of a row counts, or all would go on with the same tokens.
        """
        rows, capacity = ops.shape(ids)
        n = self.width
        ids = ops.reshape(ops.repeat_rows(ids, n), (rows, n, capacity))
        first = ops.cast(ops.arange(n) > 0, ops.float32) * NEVER
        nowhere = ops.full((rows, n, steps), -1, ops.int_)
        return Beams(
            ids=ids,
            scores=ops.full((rows, n), 0.0, ops.float32) + first[None],
            origins=nowhere,
            ended_ids=ids,
            ended_scores=ops.full((rows, n), NEVER, ops.float32),
            ended_origins=nowhere,
            ended=ops.full((rows, n), False, ops.bool_),
            open=ops.full((rows, 1), True, ops.bool_),
            going=ops.array(True),
            length=frame.prompt,
            key=key,
        )

    def last(self, ops: Any, beams: Beams) -> Any:
        """The tokens that the model reads next, [b * n]."""
        rows, n, capacity = ops.shape(beams.ids)
        return ops.column(ops.reshape(beams.ids, (rows * n, capacity)), beams.length - 1)

    def update(
        self, ops: Any, beams: Beams, frame: Frame, logits: Any, stop: Stop | None = None
    ) -> tuple[Beams, Any, Any]:
        """The search one token on, from which of all beams each goes on, and the scores."""
        rows, n, capacity = ops.shape(beams.ids)
        flat = ops.reshape(beams.ids, (rows * n, capacity))
        log_probs = ops.log_softmax(logits)
        log_probs = process(ops, self.processors, flat, beams.length, frame, log_probs)
        found = continuations(ops, self, beams, frame, log_probs)
        ended = ends(ops, self, beams, frame, found)
        if stop is not None:
            all_ids = ops.reshape(found.ids, (rows * self.candidates, capacity))
            stopped = stop(all_ids, beams.length + 1, log_probs)
            ended = ended | ops.reshape(stopped, (rows, self.candidates))
        beams, whence = advance(ops, self, beams, frame, found, ended)
        return beams, whence, log_probs

    def goes_on(self, ops: Any, beams: Beams, frame: Frame) -> Any:
        """Whether the search goes on; bool []."""
        return beams.going


class Continued(NamedTuple):
    """The best continuations of a row, m of them: ids [b, m, c] and origins with the new token,
    scores [b, m], and the keys of random numbers to come."""

    ids: Any
    scores: Any
    origins: Any
    tokens: Any
    key: Any


def continuations(
    ops: Any, search: BeamSearch, beams: Beams, frame: Frame, log_probs: Any
) -> Continued:
    """The best next tokens over all beams of a row, from their log-probabilities [b * n, v]."""
    rows, n, _ = ops.shape(beams.ids)
    size = ops.shape(log_probs)[-1]
    total = ops.reshape(log_probs, (rows, n, size)) + beams.scores[:, :, None]
    total = ops.reshape(total, (rows, n * size))
    key = beams.key
    if search.sample:
        key, used = ops.split_key(key)
        picked = ops.sample_without_replacement(used, total, search.candidates)
        scores = ops.take_along(total, picked, 1)
    else:
        scores, picked = ops.top_k(total, search.candidates)
    beam, tokens = picked // size, picked % size
    ids = put(ops, gather(ops, beams.ids, beam), beams.length, tokens)
    whence = beam + n * ops.arange(rows)[:, None]
    origins = put(ops, gather(ops, beams.origins, beam), beams.length - frame.prompt, whence)
    return Continued(ids, scores, origins, tokens, key)


def ends(ops: Any, search: BeamSearch, beams: Beams, frame: Frame, found: Continued) -> Any:
    """Which continuations [b, m] end, by their last token or their length."""
    full = ops.full(ops.shape(found.tokens), False, ops.bool_) | (beams.length + 1 >= frame.limit)
    return full | is_any(found.tokens, search.eos) if search.eos else full


def advance(
    ops: Any, search: BeamSearch, beams: Beams, frame: Frame, found: Continued, ended: Any
) -> tuple[Beams, Any]:
    """The search one token on, and from which of all beams each running one goes on, [b * n]."""
    n = search.width
    length = beams.length + 1
    running = found.scores + ops.cast(ended, ops.float32) * NEVER
    scores, best = ops.top_k(running, n)
    ids, origins = gather(ops, found.ids, best), gather(ops, found.origins, best)

    # Only what is among the best n may end a sequence; the others are in reserve.
    among = ops.arange(search.candidates) < n
    leaves = ended & among[None]
    final = found.scores / power(ops, length - frame.prompt, search.length_penalty)
    if search.early is True:
        final = final + ops.cast(ops.all_(beams.ended, axis=1, keepdims=True), ops.float32) * NEVER
    final = final + ops.cast(~beams.open, ops.float32) * NEVER
    final = final + ops.cast(~leaves, ops.float32) * NEVER
    ended_scores, best = ops.top_k(ops.concat([beams.ended_scores, final], 1), n)
    ended_ids = gather(ops, ops.concat([beams.ended_ids, found.ids], 1), best)
    ended_origins = gather(ops, ops.concat([beams.ended_origins, found.origins], 1), best)
    have_ended = ops.take_along(ops.concat([beams.ended, leaves], 1), best, 1)

    still_open = beams.open & may_improve(
        ops, search, scores, ended_scores, have_ended, length, frame
    )
    going = ops.any_(still_open) & ~ops.all_(ended)
    if search.early is True:
        going = going & ~ops.all_(have_ended)
    rows = ops.shape(ids)[0]
    steps = ops.shape(origins)[2]
    origin_rows = ops.reshape(origins, (rows * n, steps))
    whence = ops.column(origin_rows, beams.length - frame.prompt)
    state = Beams(
        ids, scores, origins, ended_ids, ended_scores, ended_origins, have_ended,
        still_open, going, length, found.key,
    )  # fmt: skip
    return state, whence


def may_improve(
    ops: Any, search: BeamSearch, running: Any, ended: Any, done: Any, length: Any, frame: Frame
) -> Any:
    """Whether the best running beam may still beat the worst that has ended; bool [b, 1].

    Exact for "never"; otherwise as if a beam ended where it is now.
    """
    furthest = search.early == "never" and search.length_penalty > 0.0
    span = (frame.limit if furthest else length) - frame.prompt
    best = running[:, :1] / power(ops, span, search.length_penalty)
    worst = ops.where(done, ops.min_(ended, axis=1, keepdims=True), NEVER)
    return ops.any_(best > worst, axis=1, keepdims=True)


def power(ops: Any, length: Any, exponent: float) -> Any:
    """A length to a power, also where it is an array."""
    return (
        length ** exponent if isinstance(length, int) else ops.cast(length, ops.float32) ** exponent
    )


def gather(ops: Any, x: Any, index: Any) -> Any:
    """The beams of each row at an index: [b, n, ...], int [b, m] -> [b, m, ...]."""
    rows, n = ops.shape(x)[:2]
    rest = ops.shape(x)[2:]
    count = ops.shape(index)[1]
    flat = ops.reshape(index + n * ops.arange(rows)[:, None], (rows * count,))
    return ops.reshape(ops.take_rows(ops.reshape(x, (rows * n, *rest)), flat), (rows, count, *rest))


def put(ops: Any, x: Any, position: Any, values: Any) -> Any:
    """x [b, m, c] with values [b, m] at one place of the last axis."""
    rows, count, size = ops.shape(x)
    flat = ops.reshape(x, (rows * count, size))
    flat = ops.set_column(flat, position, ops.reshape(values, (rows * count,)))
    return ops.reshape(flat, (rows, count, size))
