"""How prompts are read: whole, or in sizes of which there are few."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from .calls import Carry
from .loops import Prompt, Step, Whole
from .request import Request


def bucket(count: int) -> int:
    """A size not below `count` of few that there are, so that little is compiled: 16, 24, 32, 48,
    64, 96 and so on."""
    size = 16
    while size < count:
        if size * 3 // 2 >= count:
            return size * 3 // 2
        size *= 2
    return size


def buffer(request: Request, columns: int, fill: int) -> Any:
    """The prompt's ids in a buffer [b, columns]."""
    ops, ids = request.engine.ops, request.ids
    rows, length = ops.shape(ids)
    return ops.concat([ids, ops.full((rows, columns - length), fill, ops.int_, like=ids)], 1)


def prompt_inputs(request: Request, capacity: int) -> dict[str, Any]:
    """What the model gets beside tokens, with a mask over the whole capacity where there is one."""
    ops, inputs = request.engine.ops, dict(request.inputs)
    if request.mask is not None:
        rows, length = ops.shape(request.mask)
        room = ops.full((rows, capacity - length), 1, ops.int_, like=request.mask)
        mask = ops.concat([ops.cast(request.mask, ops.int_), room], 1)
        inputs[request.caller.names.mask] = mask
    return inputs


def read_prompt(request: Request, capacity: int, whole: bool = True) -> tuple[Any, Carry | None]:
    """The output for the prompt and what is kept of it; without a cache, nothing."""
    engine, ops, caller = request.engine, request.engine.ops, request.caller
    if caller.cache_name is None:
        arrays = {"inputs": request.every(1), "tokens": request.ids}
        return engine.call(request.model, Whole(engine, caller), None, arrays), None
    arrays: dict[str, Any] = {"inputs": prompt_inputs(request, capacity)}
    start = 0
    if request.past is not None:
        start = int(request.past.length)
        arrays["cache"] = request.past
        if not request.grows:
            arrays["cache"] = engine.caches.fitted(request.past, capacity)
    tokens = request.ids[:, start:]
    if not request.embedded:
        arrays["tokens"] = tokens
        if ops.shape(tokens)[1] == 0:
            raise InputError(
                "the cache holds the whole prompt",
                key="past_key_values",
                expected=f"fewer than {ops.shape(request.ids)[1]} tokens",
                found=str(start),
            )
    prompt = Prompt(engine, caller, request.kind, request.rows, capacity, start, whole)
    return engine.call(request.model, prompt, None, arrays)


def reads_exactly(request: Request) -> bool:
    """Whether a prompt cannot have anything behind it, not even for a moment."""
    caller = request.caller
    once = any(name in request.inputs for name in caller.decoding.prompt)
    others = caller.encoder or caller.sums or caller.cache_name is None or request.grows
    return others or once or bool(request.embedded) or request.past is not None


def read_in_bucket(request: Request, capacity: int) -> Carry:
    """What is kept of a prompt without its last token, with which the search begins.

    It is read in a bucket; what stands behind it there is written over.
    """
    engine, ops, caller = request.engine, request.engine.ops, request.caller
    inputs = prompt_inputs(request, capacity)
    count = request.lengths.prompt - 1
    if count == 0:
        cache = engine.caches.make_cache(request.model, request.kind, request.rows, capacity)
        return caller.unread(ops, inputs, cache, request.rows)
    size = min(bucket(count), capacity)
    prompt = Prompt(engine, caller, request.kind, request.rows, capacity, last=False)
    tokens = buffer(request, max(size, count + 1), 0)[:, :size]
    arrays = {"inputs": inputs, "tokens": tokens, "count": ops.array(count)}
    return engine.call(request.model, prompt, None, arrays)[1]


def read_in_two(request: Request, capacity: int) -> tuple[Any, Carry]:
    """The output for a prompt's last token, after the others in a bucket, and what is kept."""
    engine, count = request.engine, request.lengths.prompt
    carry = read_in_bucket(request, capacity)
    arrays = {"tokens": request.ids[:, count - 1 :], "length": count - 1}
    return engine.call(request.model, Step(engine, request.caller, True), carry, arrays)
