"""A request carried out: which search, in which loop, and what is returned of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any


from ..errors import InputError
from . import checks
from .assisted import Draft, Lookup, Reader, decode
from .beams import BeamSearch
from .calls import Carry
from . import contrastive
from .contrastive import ContrastiveSearch
from .diverse import DiverseBeamSearch
from .guidance import Guidance
from .loops import Prompt, Search, Step, Turn, Whole, scores_of, turns
from .modes import GenerationMode
from .processors.build import build
from .processors.ngrams import EncoderNoRepeatNgram
from .processors.penalties import EncoderRepetitionPenalty
from .processors.timestamps import Timestamps
from .records import Recorder
from .request import Request, prepare
from .selection import Frame, Selection, Stop
from .stopping import build_criteria

OF_SOURCE = (EncoderRepetitionPenalty, EncoderNoRepeatNgram)


def generate(
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
    """What `GenerationMixin.generate` does, in any framework."""
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
    checks.check_search(
        mode,
        config,
        batch=request.rows,
        assistant=assistant_model is not None,
        streamer=streamer is not None,
        stateful=request.stateful,
    )
    own = (*_of_times(request), *(logits_processor or ()))
    processors = build(config, own=own, prefix=prefix_allowed_tokens_fn)
    if config.guidance_scale is not None and config.guidance_scale != 1:
        processors = (_guidance(request, **negative), *processors)
    stop = _stop(request, tokenizer, stopping_criteria)
    strategy = _strategy(request, processors, stop is not None)
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


def _strategy(request: Request, processors: tuple, stops: bool) -> Any:
    """The search that the settings ask for."""
    config, mode, eos = request.config, request.mode, request.eos
    pad = 0 if request.pad is None else request.pad
    if mode is GenerationMode.CONTRASTIVE_SEARCH:
        return ContrastiveSearch(processors, config.penalty_alpha, config.top_k, eos, pad, stops)
    penalty = 1.0 if config.length_penalty is None else config.length_penalty
    if mode is GenerationMode.GROUP_BEAM_SEARCH:
        size = config.num_beams // config.num_beam_groups
        place = 1 if config.sequence_bias is not None else 0
        return DiverseBeamSearch(
            processors=processors,
            groups=config.num_beam_groups,
            group_size=size,
            penalty=config.diversity_penalty or 0.0,
            place=place,
            length_penalty=penalty,
            early=config.early_stopping,
            eos=eos,
            pad=pad,
        )
    if mode.beams:
        # the reference fills with the end where padding has the id 0
        fill = (request.pad or eos[0]) if eos else -1
        return BeamSearch(
            processors=processors,
            width=config.num_beams,
            sample=config.do_sample,
            length_penalty=penalty,
            early=config.early_stopping,
            eos=eos,
            fill=fill,
        )
    return Selection(processors, config.do_sample, eos, pad, config.num_return_sequences, stops)


def _of_times(request: Request) -> tuple[Timestamps, ...]:
    """The rule of times in a transcript, if they are asked for."""
    config = request.config
    if not getattr(config, "return_timestamps", None):
        return ()
    timeless = getattr(config, "no_timestamps_token_id", None)
    if timeless is None:
        expected = "no_timestamps_token_id in the generation_config"
        raise InputError("this model gives no times", key="return_timestamps", expected=expected)
    eos = request.eos or tuple(checks.as_ids(request.model.config.eos_token_id))
    latest = getattr(config, "max_initial_timestamp_index", None)
    return (Timestamps(eos[0], timeless, latest),)


def _stop(request: Request, tokenizer: Any, own: Sequence[Callable] | None) -> Stop | None:
    """What ends rows beside tokens and length, where anything does."""
    config, ops = request.config, request.engine.ops
    if config.max_time is None and config.stop_strings is None and not own:
        return None
    criteria = build_criteria(config, request.lengths.maximum, tokenizer=tokenizer, own=own)

    def stop(ids: Any, length: Any, scores: Any) -> Any:
        return ops.array(criteria(ids[:, : int(length)], scores))

    return stop


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


def _compiled(request: Request, strategy: Any, key: Any) -> tuple[Any, Carry]:
    """The state at the end of a search inside compiled code, and what is kept."""
    engine, ops, caller = request.engine, request.engine.ops, request.caller
    lengths, rows = request.lengths, request.rows
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
    if _reads_exactly(request):
        arrays["logits"], carry = read_prompt(request, capacity, whole=False)
    else:
        carry = _read_in_bucket(request, capacity)
    search = Search(engine, caller, strategy, ops.shape(ids)[1])
    return engine.call(request.model, search, carry, arrays)


def _reads_exactly(request: Request) -> bool:
    """Whether a prompt cannot have anything behind it, not even for a moment."""
    caller = request.caller
    once = any(name in request.inputs for name in caller.decoding.prompt)
    others = caller.encoder or caller.sums or caller.cache_name is None or request.grows
    return others or once or bool(request.embedded) or request.past is not None


def _read_in_bucket(request: Request, capacity: int) -> Carry:
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


def _read_in_two(request: Request, capacity: int) -> tuple[Any, Carry]:
    """The output for a prompt's last token, after the others in a bucket, and what is kept."""
    engine, count = request.engine, request.lengths.prompt
    carry = _read_in_bucket(request, capacity)
    arrays = {"tokens": request.ids[:, count - 1 :], "length": count - 1}
    return engine.call(request.model, Step(engine, request.caller, True), carry, arrays)


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
    if request.engine.traces and not _reads_exactly(request) and not request.caller.asked:
        first = _read_in_two(request, capacity)
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
    ops, config, lengths = request.engine.ops, request.config, request.lengths
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
        scores_of(ops, output), carry, lengths.prompt,
    )  # fmt: skip
