"""Contrastive search (Su et al. 2022): of the likeliest next tokens, the one that is likely and
whose vector is unlike those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .calls import Caller, Carry, expand, select
from .selection import Frame, Stop, is_any, process


@dataclass(frozen=True)
class ContrastiveSearch:
    """The settings: `alpha` weighs likeness against likelihood among the best `count` tokens."""

    processors: tuple[Any, ...]
    alpha: float
    count: int
    eos: tuple[int, ...] = ()
    pad: int = 0
    stops: bool = False

    width = 1

    def last(self, ops: Any, state: Contrast) -> Any:
        """The tokens chosen last, [b]."""
        return ops.column(state.ids, state.length - 1)

    @property
    def fill(self) -> int:
        """What stands in places that are not filled yet."""
        return self.pad


class Contrast(NamedTuple):
    """Ids int [b, c], of which `length` columns are filled; finished rows [b] or None; the scores
    [b, v] of the next token; vectors of the tokens so far, float [b, c, h], zeros behind them, and
    which of them count, bool [b, c]."""

    ids: Any
    length: Any
    finished: Any
    logits: Any
    vectors: Any
    counts: Any


def begin(
    ops: Any, search: ContrastiveSearch, ids: Any, frame: Frame, mask: Any, logits: Any, hidden: Any
) -> Contrast:
    """The state after the prompt, whose vectors are `hidden` [b, p, h]."""
    rows, capacity = ops.shape(ids)
    _, read, size = ops.shape(hidden)
    room = ops.full((rows, capacity - read, size), 0.0, ops.float32, like=hidden)
    vectors = ops.concat([ops.cast(hidden, ops.float32), room], 1)
    counts = ops.full((rows, capacity), True, ops.bool_, like=ids)
    if mask is not None:
        length = ops.shape(mask)[1]
        counts = ops.concat([mask != 0, counts[:, length:]], 1)
    finished = None
    if search.eos or search.stops:
        finished = ops.full((rows,), False, ops.bool_, like=ids)
    return Contrast(ids, frame.prompt, finished, logits, vectors, counts)


def advance(
    ops: Any,
    caches: Any,
    search: ContrastiveSearch,
    caller: Caller,
    model: Any,
    state: Contrast,
    carry: Carry,
    frame: Frame,
    place: Any,
    stop: Stop | None = None,
) -> tuple[Contrast, Carry, Any]:
    """One token on; also the scores that candidates were taken by.

    `place`: how many tokens the cache holds.
    """
    rows = ops.shape(state.ids)[0]
    scores = process(ops, search.processors, state.ids, state.length, frame, state.logits)
    likely, tokens = ops.top_k(ops.softmax(scores), search.count)
    wide = expand(ops, caches, carry, search.count, rows)
    flat = ops.reshape(tokens, (rows * search.count, 1))
    output, wide = caller.step(ops, model, wide, flat, place)
    hidden = ops.cast(last_hidden(output), ops.float32)[:, -1]
    size = ops.shape(hidden)[-1]
    candidates = ops.reshape(hidden, (rows, search.count, size))

    likeness = ops.products(unit(ops, candidates), unit(ops, state.vectors))
    filled = (ops.arange(ops.shape(state.vectors)[1], like=scores) < state.length)[
        None
    ] & state.counts
    likeness = ops.max_(ops.where(filled[:, None], likeness, LEAST), axis=2)
    picked = ops.argmax((1.0 - search.alpha) * likely - search.alpha * likeness)

    index = ops.arange(rows, like=picked) * search.count + picked
    carry = select(ops, caches, wide, index, rows * search.count)
    token = ops.take_along(tokens, picked[:, None], 1)[:, 0]
    finished = state.finished
    if finished is not None:
        token = ops.where(finished, search.pad, token)
    ids = ops.set_column(state.ids, state.length, token)
    if search.eos:
        finished = finished | is_any(token, search.eos)
    if stop is not None:
        finished = finished | stop(ids, state.length + 1, scores)
    logits = ops.cast(output["logits"], ops.float32)[:, -1]
    vectors = ops.set_column(state.vectors, state.length, ops.take_rows(hidden, index))
    logits = ops.take_rows(logits, index)
    state = Contrast(ids, state.length + 1, finished, logits, vectors, state.counts)
    return state, carry, scores


def last_hidden(output: Any) -> Any:
    """The vectors behind the scores, [b, s, h]: the decoder's last hidden states."""
    states = output.get("decoder_hidden_states")
    return (output["hidden_states"] if states is None else states)[-1]


def unit(ops: Any, x: Any) -> Any:
    """Vectors of length one along the last axis; zeros stay zeros."""
    norm = ops.sum_(x * x, axis=-1, keepdims=True) ** 0.5
    return x / ops.where(norm == 0.0, 1.0, norm)


LEAST = -3.0e38


@dataclass(frozen=True)
class Loop:
    """A whole search inside compiled code, after the prompt."""

    engine: Any
    caller: Caller
    search: ContrastiveSearch

    replaces = varies = False

    def __call__(self, model: Any, carry: Carry, arrays: dict[str, Any]) -> tuple[Contrast, Carry]:
        ops, caches = self.engine.ops, self.engine.caches
        frame = Frame(arrays["prompt"], arrays["limit"], arrays.get("source"))

        def body(loop: tuple[Contrast, Carry]) -> tuple[Contrast, Carry]:
            state, carry = loop
            place = state.length + arrays["offset"]
            return advance(
                ops, caches, self.search, self.caller, model, state, carry, frame, place
            )[:2]

        return ops.while_loop(
            lambda loop: goes_on(ops, loop[0], frame), body, (arrays["state"], carry)
        )


@dataclass(frozen=True)
class OneStep:
    """One token of a search in Python."""

    engine: Any
    caller: Caller
    search: ContrastiveSearch
    stop: Stop | None

    replaces = varies = False

    def __call__(self, model: Any, carry: Carry, arrays: dict[str, Any]) -> tuple:
        frame = Frame(*arrays["frame"])
        return advance(
            self.engine.ops, self.engine.caches, self.search, self.caller, model,
            arrays["state"], carry, frame, arrays["place"], self.stop,
        )  # fmt: skip


def goes_on(ops: Any, state: Contrast, frame: Frame) -> Any:
    """Whether some row goes on; bool []."""
    room = state.length < frame.limit
    return room if state.finished is None else room & ~ops.all_(state.finished)
