"""How prompts are read: whole, or in sizes of which there are few."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import InputError
from .calls import Carry
from .lengths import bucket, padded
from .loops import Prompt, Step, Whole, scores_of
from .request import Request


def buffer(request: Request, columns: int, fill: int) -> Any:
    """The prompt's ids in a buffer [b, columns]."""
    return padded(request.engine.ops, request.ids, columns, fill)


def prompt_inputs(request: Request, capacity: int) -> dict[str, Any]:
    """What the model gets beside tokens, with a mask over the whole capacity where there is one."""
    inputs = dict(request.inputs)
    if request.mask is not None:
        mask = padded(request.engine.ops, request.mask, capacity, 1)
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
    sizes = [] if request.embedded else _parts(request, ops.shape(tokens)[1])
    if len(sizes) > 1:
        return _read_in_parts(request, prompt, arrays, sizes)
    return engine.call(request.model, prompt, None, arrays)


def _parts(request: Request, count: int) -> list[int]:
    """In how many tokens at a time the `count` of a prompt are read.

    A model whose state sums up all tokens may not have any behind a prompt, so that there is no
    bucket to read it in: where each length is compiled, its parts have 2^n tokens.
    """
    chunk = request.config.prefill_chunk_size or count
    sizes, rest = [chunk] * (count // chunk), count % chunk
    caller = request.caller
    if caller.sums and request.engine.traces and request.mask is None and not caller.asked:
        return [part for size in [*sizes, rest] for part in _powers(size)]
    return [*sizes, rest] if rest else sizes


def _powers(size: int) -> list[int]:
    """The powers of two that make up a number, the largest first."""
    return [1 << power for power in reversed(range(size.bit_length())) if size >> power & 1]


def _read_in_parts(
    request: Request, prompt: Prompt, arrays: dict[str, Any], sizes: list[int]
) -> tuple[Any, Carry]:
    """The output for the last part of a prompt, after the others, and what is kept of all."""
    engine, ops = request.engine, request.engine.ops
    ids = ops.to_numpy(request.ids)
    step = Step(engine, request.caller, not request.grows)
    done = prompt.start
    for size in sizes:
        tokens = ops.array(ids[:, done : done + size], like=request.ids)
        if done == prompt.start or request.mask is not None:  # which tells the positions
            part, arrays = replace(prompt, start=done), {**arrays, "tokens": tokens}
            output, carry = engine.call(request.model, part, None, arrays)
            arrays["cache"] = carry.cache
        else:
            now = {"tokens": tokens, "length": done}
            output, carry = engine.call(request.model, step, carry, now)
            output = output if prompt.whole else scores_of(ops, output)
        done += size
    return output, carry


def of_prompt(request: Request) -> set[str]:
    """The inputs, beside tokens, that are there for the prompt."""
    caller = request.caller
    names = {"inputs_embeds", caller.names.positions, *caller.decoding.prompt}
    return names.union(caller.decoding.per_token) & request.inputs.keys()


def reads_exactly(request: Request) -> bool:
    """Whether a prompt cannot have anything behind it, not even for a moment."""
    caller = request.caller
    others = caller.encoder or caller.sums or caller.cache_name is None or request.grows
    return (
        others
        or request.config.prefill_chunk_size is not None
        or bool(of_prompt(request))
        or request.past is not None
    )


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
    tokens = padded(ops, ops.to_numpy(request.ids)[:, :count], size, 0, like=request.ids)
    arrays = {"inputs": inputs, "tokens": tokens, "count": ops.array(count)}
    return engine.call(request.model, prompt, None, arrays)[1]


def read_in_two(request: Request, capacity: int) -> tuple[Any, Carry]:
    """The output for a prompt's last token, after the others in a bucket, and what is kept."""
    engine, count = request.engine, request.lengths.prompt
    carry = read_in_bucket(request, capacity)
    ops = engine.ops
    last = ops.array(ops.to_numpy(request.ids)[:, count - 1 :], like=request.ids)
    arrays = {"tokens": last, "length": count - 1}
    return engine.call(request.model, Step(engine, request.caller, True), carry, arrays)
