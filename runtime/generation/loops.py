"""The loop of a search: one inside compiled code, and one in Python that can be looked into."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .calls import Caller, Carry, expand, select
from .selection import Frame, Stop


@dataclass(frozen=True)
class Prompt:
    """Reads a prompt into a new cache of `capacity` places for each row; for compiled code.

    `kind`: that of the cache; `rows`: how many there are; `start`: how many tokens a cache that is
    given holds already. Gives the whole output, or the scores of the next token alone, [b, v].
    Without `last`, only the first tokens count, and there are no scores.
    """

    engine: Any
    caller: Caller
    kind: str
    rows: int
    capacity: int
    start: int = 0
    whole: bool = True
    last: bool = True

    replaces = False  # whether the cache that is kept is as large as the one given
    varies = False  # whether every call has other shapes

    def __call__(self, model: Any, donated: Any, arrays: dict[str, Any]) -> tuple[Any, Any]:
        ops, cache = self.engine.ops, arrays.get("cache")
        if cache is None:
            cache = self.engine.caches.make_cache(model, self.kind, self.rows, self.capacity)
        tokens, given = arrays.get("tokens"), arrays["inputs"]
        output, carry = self.caller.prompt(ops, model, given, tokens, cache, self.start, self.last)
        if not self.last:
            # what stands behind the prompt in its bucket is written over
            kept = self.engine.caches.with_length(carry.cache, arrays["count"])
            return None, carry._replace(cache=kept)
        return (output if self.whole else scores_of(ops, output)), carry


@dataclass(frozen=True)
class Step:
    """One call for the next tokens, for compiled code: the output and what is kept.

    `replaces`: whether the cache that is kept is as large as the one given.
    """

    engine: Any
    caller: Caller
    replaces: bool = False

    @property
    def varies(self) -> bool:
        """Whether every call has other shapes."""
        return not self.replaces

    def __call__(self, model: Any, carry: Carry, arrays: dict[str, Any]) -> tuple[Any, Carry]:
        return self.caller.step(self.engine.ops, model, carry, arrays["tokens"], arrays["length"])


@dataclass(frozen=True)
class Whole:
    """A call with all tokens so far, of a model that keeps nothing."""

    engine: Any
    caller: Caller

    replaces, varies = False, True

    def __call__(self, model: Any, carry: None, arrays: dict[str, Any]) -> Any:
        inputs, tokens, kept = arrays["inputs"], arrays["tokens"], arrays.get("kept")
        return self.caller.whole(self.engine.ops, model, inputs, tokens, kept)


@dataclass(frozen=True)
class Search:
    """A whole search inside compiled code, after the prompt.

    `steps`: the most tokens. The scores of the first one are given, or come from the prompt's last
    token, which has not been read then.
    """

    engine: Any
    caller: Caller
    strategy: Any
    steps: int

    varies = False

    @property
    def replaces(self) -> bool:
        """Whether the cache that is kept is as large as the one given."""
        return self.strategy.width == 1

    def __call__(self, model: Any, carry: Carry, arrays: dict[str, Any]) -> tuple[Any, Carry]:
        ops, caches, strategy = self.engine.ops, self.engine.caches, self.strategy
        ids = arrays["ids"]
        rows = ops.shape(ids)[0]
        frame = Frame(arrays["prompt"], arrays["limit"], arrays.get("source"))
        carry = expand(ops, caches, carry, strategy.width, rows)
        rows = rows * strategy.width
        state = strategy.begin(ops, ids, frame, self.steps, arrays.get("key"))

        def chosen(state: Any, carry: Carry, logits: Any) -> tuple[Any, Carry]:
            state, whence, _ = strategy.update(ops, state, frame, logits)
            if whence is not None:
                carry = select(ops, caches, carry, whence, rows)
            return state, carry

        def body(loop: tuple[Any, Carry]) -> tuple[Any, Carry]:
            state, carry = loop
            tokens = strategy.last(ops, state)[:, None]
            place = state.length - 1 + arrays["offset"]
            output, carry = self.caller.step(ops, model, carry, tokens, place)
            return chosen(state, carry, scores_of(ops, output))

        if "logits" in arrays:
            logits = ops.repeat_rows(arrays["logits"], strategy.width)
            state, carry = chosen(state, carry, logits)
        return ops.while_loop(
            lambda loop: strategy.goes_on(ops, loop[0], frame), body, (state, carry)
        )


def scores_of(ops: Any, output: Any) -> Any:
    """The scores of the token that comes next, float32 [b, v]."""
    return ops.cast(output["logits"][:, -1], ops.float32)


@dataclass(frozen=True)
class Turn:
    """What one step of a loop in Python has found: for records of outputs and for streams."""

    state: Any
    carry: Any
    scores: Any
    logits: Any
    output: Any


def turns(
    request: Any,
    strategy: Any,
    ids: Any,
    frame: Frame,
    first: tuple[Any, Carry | None],
    key: Any = None,
    stop: Stop | None = None,
) -> Iterator[Turn]:
    """A search step by step, from a buffer of ids and what `run.read_prompt` gives."""
    engine, caller, model = request.engine, request.caller, request.model
    ops, caches = engine.ops, engine.caches
    output, carry = first
    rows = ops.shape(ids)[0]
    state = strategy.begin(ops, ids, frame, frame.limit - frame.prompt, key)
    logits = scores_of(ops, output)
    if strategy.width > 1:
        logits = ops.repeat_rows(logits, strategy.width)
    if carry is not None:
        carry = expand(ops, caches, carry, strategy.width, rows)
    rows = rows * strategy.width
    while True:
        state, whence, scores = strategy.update(ops, state, frame, logits, stop)
        yield Turn(state, carry, scores, logits, output)
        if not bool(strategy.goes_on(ops, state, frame)):
            return
        if carry is None:
            arrays = {"inputs": request.every(strategy.width), "tokens": so_far(ops, state)}
            if (kept := _kept(ops, caller, output, rows, whence)) is not None:
                arrays["kept"] = kept
            output = engine.call(model, Whole(engine, caller), None, arrays)
        else:
            if whence is not None:
                carry = select(ops, caches, carry, whence, rows)
            tokens = strategy.last(ops, state)[:, None]
            arrays = {"tokens": tokens, "length": state.length - 1 + request.offset}
            step = Step(engine, caller, not request.grows)
            output, carry = engine.call(model, step, carry, arrays)
        logits = scores_of(ops, output)


def _kept(ops: Any, caller: Caller, output: Any, rows: int, whence: Any) -> Any:
    """What an output keeps for the next call, in the order in which `rows` rows go on."""
    kept = output.get(caller.decoding.keeps) if caller.decoding.keeps else None
    if kept is None:
        return None
    found = ops.shape(kept[0])[1]
    if found < rows:  # the prompt has been read once for all
        each = ops.repeat_rows(ops.arange(found, like=kept[0]), rows // found)
        kept = [ops.take_columns(x, each) for x in kept]
    return kept if whence is None else [ops.take_columns(x, whence) for x in kept]


def so_far(ops: Any, state: Any) -> Any:
    """All tokens of all rows until now, int [b, s]."""
    *shape, capacity = ops.shape(state.ids)
    return ops.reshape(state.ids, (math.prod(shape), capacity))[:, : int(state.length)]
