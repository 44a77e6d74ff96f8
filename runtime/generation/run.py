"""A request carried out: which search, in which loop, and what is returned of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from . import checks, contrastive
from .assisted import Draft, Lookup, Reader, decode
from .calls import Carry
from .contrastive import ContrastiveSearch
from .guidance import Guidance
from .lengths import bucket
from .loops import Search, Turn, scores_of, turns
from .modes import GenerationMode
from .processors.build import build
from .processors.ngrams import EncoderNoRepeatNgram
from .processors.penalties import EncoderRepetitionPenalty
from .prompts import (
    buffer,
    of_prompt,
    prompt_inputs,
    read_in_bucket,
    read_in_two,
    read_prompt,
    reads_exactly,
)
from .records import Recorder
from .request import Request, prepare
from .seeking import Seeker
from .selection import Frame, Selection, Stop
from .settings import rules_of_times, stop_of, strategy_of
from .spoken import for_one_pass, transcription_of

OF_SOURCE = (EncoderRepetitionPenalty, EncoderNoRepeatNgram)


def generate(
    engine: Any,
    model: Any,
    inputs: Any = None,
    generation_config: Any = None,
    *rest: Any,
    seed: int | None = None,
    **arguments: Any,
) -> Any:
    """What `GenerationMixin.generate` does, in any framework: one search, or one for each window of
    audio. `rest`: see `search`."""
    audio = transcription_of(engine, model, inputs, generation_config, arguments)
    if audio is None:
        if model.decoding.windows is not None:
            arguments = for_one_pass(arguments)
        return search(engine, model, inputs, generation_config, *rest, seed=seed, **arguments)
    decode = partial(search, engine, model, None, generation_config, *rest)
    return Seeker(engine, model, generation_config, audio, decode, seed).run()


def search(
    engine: Any,
    model: Any,
    inputs: Any = None,
    generation_config: Any = None,
    logits_processor: Sequence[Callable] | None = None,
    stopping_criteria: Sequence[Callable] | None = None,
    prefix_allowed_tokens_fn: Callable | None = None,
    assistant_model: Any = None,
    streamer: Any = None,
    negative_prompt_ids: Any = None,
    negative_prompt_attention_mask: Any = None,
    tokenizer: Any = None,
    seed: int | None = None,
    **arguments: Any,
) -> Any:
    """The sequences that one search finds, or a record of it."""
    request = prepare(
        engine, model, inputs, generation_config, arguments, assistant_model is not None
    )
    config, mode = request.config, request.mode
    negative = {
        "negative_prompt_ids": negative_prompt_ids,
        "negative_prompt_attention_mask": negative_prompt_attention_mask,
    }
    checks.check_streamer(streamer)
    checks.check_callables("logits_processor", logits_processor)
    checks.check_callables("stopping_criteria", stopping_criteria)
    checks.check_stop_strings(config, tokenizer)
    checks.check_guidance(config, negative, request.caller.encoder)
    _check_chunks(request)
    checks.check_search(
        mode,
        config,
        batch=request.rows,
        assistant=assistant_model is not None,
        streamer=streamer is not None,
        stateful=request.stateful,
    )
    own = (*rules_of_times(request), *(logits_processor or ()))
    processors = build(config, own=own, prefix=prefix_allowed_tokens_fn)
    if config.guidance_scale is not None and config.guidance_scale != 1:
        processors = (_guidance(request, **negative), *processors)
    stop = stop_of(request, tokenizer, stopping_criteria)
    strategy = strategy_of(request, processors, stop is not None)
    if streamer is not None:
        streamer.put(engine.ops.to_numpy(request.ids))
    recorder = Recorder(request, streamer)
    key = engine.ops.make_key(seed) if config.do_sample else None
    if mode is GenerationMode.ASSISTED_GENERATION:
        return _assisted(request, strategy, assistant_model, recorder, stop, key)
    if mode is GenerationMode.CONTRASTIVE_SEARCH:
        return _contrastive(request, strategy, recorder, stop)
    in_python = (
        not engine.compiled
        or recorder.looks_inside
        or stop is not None
        or request.caller.cache_name is None
        or request.grows
        or any(processor.host for processor in processors)
    )
    if not in_python:
        return recorder.result(strategy, *_compiled(request, strategy, key))
    return _stepwise(request, strategy, recorder, stop, key)


def _check_chunks(request: Request) -> None:
    """Refuses a prompt in chunks where it cannot be cut."""
    caller = request.caller
    cached = caller.cache_name is not None and not caller.encoder
    checks.check_chunks(request.config, cached, [*of_prompt(request), *caller.asked])


def _compiled(request: Request, strategy: Any, key: Any) -> tuple[Any, Carry]:
    """The state at the end of a search inside compiled code, and what is kept."""
    engine, ops, caller = request.engine, request.engine.ops, request.caller
    lengths = request.lengths
    ids = buffer(request, bucket(lengths.maximum), strategy.fill)
    capacity = bucket(lengths.maximum + request.offset)
    arrays = {
        "ids": ids,
        "prompt": ops.array(lengths.prompt),
        "limit": ops.array(lengths.maximum),
        "offset": ops.array(request.offset),
    }
    if key is not None:
        arrays["key"] = key
    if request.source is not None and any(isinstance(p, OF_SOURCE) for p in strategy.processors):
        arrays["source"] = request.source
    if reads_exactly(request):
        arrays["logits"], carry = read_prompt(request, capacity, whole=False)
    else:
        carry = read_in_bucket(request, capacity)
    search = Search(engine, caller, strategy, ops.shape(ids)[1])
    return engine.call(request.model, search, carry, arrays)


def _stepwise(
    request: Request,
    strategy: Any,
    recorder: Recorder,
    stop: Stop | None,
    key: Any,
) -> Any:
    """The result of a search in Python."""
    lengths = request.lengths
    columns, capacity = lengths.maximum, lengths.maximum + request.offset
    if request.engine.traces:
        columns, capacity = bucket(columns), bucket(capacity)
    if request.engine.traces and not reads_exactly(request) and not request.caller.asked:
        first = read_in_two(request, capacity)
    else:
        first = read_prompt(request, capacity)
    frame = Frame(lengths.prompt, lengths.maximum, request.source)
    found = turns(
        request, strategy, buffer(request, columns, strategy.fill), frame, first, key, stop
    )
    for turn in found:
        recorder.add(strategy, turn)
    return recorder.result(strategy, turn.state, turn.carry)


def _assisted(
    request: Request,
    chosen: Selection,
    assistant: Any,
    recorder: Recorder,
    stop: Stop | None,
    key: Any,
) -> Any:
    """The result of decoding with proposals, by a model or from the text."""
    config, lengths = request.config, request.lengths
    recorder.refuse_inside("assisted decoding")
    most = config.prompt_lookup_num_tokens or config.num_assistant_tokens
    if assistant is None:
        proposals = Lookup(most, config.max_matching_ngram_size or 2, chosen.eos)
    else:
        most = max(most, lengths.new)  # where the schedule makes proposals longer
        frame = Frame(lengths.prompt, lengths.maximum, request.source)
        proposals = Draft(_reader(_of_assistant(request, assistant), most), chosen, frame, key)
    ids = buffer(request, lengths.maximum, chosen.fill)
    return decode(_reader(request, most), proposals, chosen, ids, recorder, stop, key)


def _of_assistant(request: Request, assistant: Any) -> Request:
    """The same request to another model, which reads the input by itself."""
    inputs = {name: x for name, x in request.inputs.items() if name != "encoder_outputs"}
    takes = request.engine.takes(assistant)
    if request.mask is not None:
        inputs[request.caller.names.mask] = request.mask
    if request.caller.encoder and "decoder_input_ids" in takes:
        inputs["decoder_input_ids"] = request.ids
    else:
        inputs = {"input_ids": request.ids, **inputs}
    inputs = {name: x for name, x in inputs.items() if name in takes}
    lengths = {"max_new_tokens": request.lengths.new}
    other = prepare(request.engine, assistant, None, None, {**inputs, **lengths})
    return replace(other, config=request.config)


def _reader(request: Request, most: int) -> Reader:
    """The model of a request after the prompt without its last token, with room for proposals."""
    ops, count = request.engine.ops, request.lengths.prompt - 1
    capacity = request.lengths.maximum + 2 * most + 2
    start = replace(request, ids=request.ids[:, :count])
    if count == 0 and not request.caller.encoder:
        cache = request.engine.caches.make_cache(
            request.model, request.kind, request.rows, capacity
        )
        inputs = prompt_inputs(request, capacity)
        return Reader(request, request.caller.unread(ops, inputs, cache, request.rows), 0)
    whole = count == 0  # a decoder behind an encoder reads something with it
    _, carry = read_prompt(request if whole else start, capacity)
    reader = Reader(request, carry, 1 if whole else count)
    reader.back_to(count)
    return reader


def _contrastive(
    request: Request, search: ContrastiveSearch, recorder: Recorder, stop: Stop | None
) -> Any:
    """The result of a contrastive search."""
    engine, ops, lengths = request.engine, request.engine.ops, request.lengths
    recorder.refuse_inside("contrastive search")
    columns, capacity = lengths.maximum, lengths.maximum + request.offset
    if engine.traces:
        columns, capacity = bucket(columns), bucket(capacity)
    output, carry = read_prompt(request, capacity)
    hidden = contrastive.last_hidden(output)[:, -lengths.prompt :]
    frame = Frame(lengths.prompt, lengths.maximum, request.source)
    ids = buffer(request, columns, search.fill)
    logits = scores_of(ops, output)
    state = contrastive.begin(ops, search, ids, frame, request.mask, logits, hidden)
    in_python = not engine.compiled or recorder.looks_inside or stop is not None or request.grows
    if not in_python:
        arrays = {"state": state, "offset": ops.array(request.offset), "source": request.source}
        arrays |= {"prompt": ops.array(lengths.prompt), "limit": ops.array(lengths.maximum)}
        arrays["state"] = state._replace(length=arrays["prompt"])
        loop = contrastive.Loop(engine, request.caller, search)
        return recorder.result(search, *engine.call(request.model, loop, carry, arrays))
    going = True
    while going:
        before = state.logits
        step = contrastive.OneStep(engine, request.caller, search, stop)
        arrays = {"state": state, "frame": tuple(frame), "place": state.length + request.offset}
        if stop is not None:
            state, carry, scores = step(request.model, carry, arrays)
        else:
            state, carry, scores = engine.call(request.model, step, carry, arrays)
        recorder.add(search, Turn(state, carry, scores, before, None))
        going = bool(contrastive.goes_on(ops, state, frame))
    return recorder.result(search, state, carry)


def _guidance(
    request: Request, negative_prompt_ids: Any, negative_prompt_attention_mask: Any
) -> Guidance:
    """What scores move away from: those after another prompt, or after the last token alone."""
    ops = request.engine.ops
    ids = request.ids[:, -1:]
    mask = None
    if negative_prompt_ids is not None:
        ids = ops.array(negative_prompt_ids)
        checks.check_ids(ops.shape(ids), ids.dtype, key="negative_prompt_ids")
        if negative_prompt_attention_mask is not None:
            mask = ops.array(negative_prompt_attention_mask)
            checks.check_mask(ops.shape(mask), *ops.shape(ids), "negative_prompt_attention_mask")
            mask = None if ops.to_numpy(mask).all() else mask
    lengths = request.lengths._replace(prompt=ops.shape(ids)[1])
    lengths = lengths._replace(maximum=lengths.prompt + request.lengths.new)
    # without positions, as the reference reads it
    takes = request.caller.takes - {request.caller.names.positions}
    caller = replace(request.caller, asked=(), takes=takes)
    other = replace(
        request,
        ids=ids,
        mask=mask,
        inputs={},
        lengths=lengths,
        caller=caller,
        embedded=0,
        past=None,
    )
    capacity = bucket(lengths.maximum) if request.engine.traces else lengths.maximum
    output, carry = read_prompt(other, capacity)
    return Guidance(
        request.engine, request.model, caller, request.config.guidance_scale,
        scores_of(ops, output), carry, ids, other.every(1),
    )  # fmt: skip
