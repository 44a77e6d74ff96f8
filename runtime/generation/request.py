"""One call of `generate`: its arguments sorted, checked and completed before any work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError, show
from . import checks, transcription
from .caches import GROWING
from .calls import POSITIONS, Caller
from .config import GenerationConfig
from .lengths import Lengths, bucket, padded, plan_lengths
from .loops import Whole, scores_of
from .modes import GenerationMode, mode_of


@dataclass
class Request:
    """What is to be generated, by which model, and from what.

    `ids` int [b, p]: the prompt as the decoder's tokens, none where it comes as vectors. `inputs`:
    arrays that the model gets beside them; `mask` int [b, m] of the prompt, None without padding.
    `source`: what rules about the input look at. `embedded`: how many vectors there are.
    `past`: a cache to go on with. `eos`, `pad`: the tokens at and behind the end.
    """

    engine: Any
    model: Any
    config: GenerationConfig
    mode: GenerationMode
    caller: Caller
    ids: Any
    inputs: dict[str, Any]
    lengths: Lengths
    mask: Any = None
    source: Any = None
    embedded: int = 0
    past: Any = None
    eos: tuple[int, ...] = ()
    pad: int | None = None

    @property
    def rows(self) -> int:
        """How many prompts there are."""
        return self.engine.ops.shape(self.ids)[0]

    @property
    def offset(self) -> int:
        """By how many places tokens in the cache are ahead of those in `ids`."""
        return self.embedded - self.lengths.prompt if self.embedded else 0

    def every(self, width: int) -> dict[str, Any]:
        """The inputs of every call of a model that keeps nothing, each row `width` times."""
        ops, inputs = self.engine.ops, dict(self.inputs)
        if self.mask is not None:
            inputs[self.caller.names.mask] = self.mask
        rows = self.rows

        def repeated(x: Any) -> Any:
            if isinstance(x, list):
                return [repeated(part) for part in x]
            return ops.repeat_rows(x, width) if ops.shape(x)[0] == rows else x

        return {name: repeated(x) for name, x in inputs.items()} if width > 1 else inputs

    @property
    def kind(self) -> str:
        """The kind of a new cache."""
        return self.config.cache_implementation or "static"

    @property
    def grows(self) -> bool:
        """Whether caches grow with each call."""
        return self.kind in GROWING

    @property
    def stateful(self) -> bool:
        """Whether the model's state sums up tokens, and cannot go back to an earlier one."""
        return any(spec.kind == "tensor" for spec in _states(self.model))


def prepare(
    engine: Any,
    model: Any,
    inputs: Any,
    generation_config: GenerationConfig | None,
    arguments: Mapping[str, Any],
    assisted: bool = False,
) -> Request:
    """The request that the arguments of a call make; InputError or ConfigError if they make none.

    `arguments` are settings of generation, or inputs of the model.
    """
    config = settings(model, generation_config)
    given = config.update(**arguments)
    takes = engine.takes(model)
    if inputs is not None:
        main = takes[0]
        if given.get(main) is not None:
            raise InputError("given twice", key=main)
        given[main] = inputs
    checks.check_arguments(given, takes, GenerationConfig.names())
    given = {name: x for name, x in given.items() if x is not None}
    encoder = "decoder_input_ids" in takes
    past = given.pop(model.cache_name, None)
    if isinstance(past, list | tuple):  # the keys and values of each layer
        past = model._cache_class.from_legacy(past, model.cache_layout())
    checks.check_cache(config, past is not None)
    arrays, constants = _sorted(engine, given)
    mode = mode_of(config, assisted)
    places = model.decoding.places
    caller = Caller(
        decoding=model.decoding,
        takes=frozenset(takes) - ({POSITIONS[encoder]} if places == "own" else set()),
        cache_name=model.cache_name if config.use_cache and _states(model) else None,
        encoder=encoder,
        wide=engine.traces and config.cache_implementation not in GROWING,
        sums=bool(_states(model)) and all(spec.kind == "tensor" for spec in _states(model)),
        asked=_asked(config, takes, mode),
        constants=constants,
        origin=model.config.pad_token_id + 1 if places == "after_padding_id" else 0,
    )
    request = Request(engine, model, config, mode, caller, None, arrays, None, past=past)
    request.eos = tuple(checks.as_ids(config.eos_token_id))
    request.pad = config.pad_token_id
    if request.pad is None and request.eos:
        request.pad = request.eos[0]
    (_behind_encoder if encoder else _decoder_alone)(request)
    if request.embedded:  # which count among the least tokens, but are not in the ids
        unseen = request.embedded - engine.ops.shape(request.ids)[1]
        config.min_length = max((config.min_length or 0) - unseen, 0)
    asked = {name: x for name, x in arguments.items() if GenerationConfig.knows(name)}
    count = engine.ops.shape(request.ids)[1]
    request.lengths = lengths_of(model, config, count, asked, request.embedded, _unused(request))
    checks.check_token_ids(config, vocabulary(model))
    return request


def settings(model: Any, generation_config: GenerationConfig | None) -> GenerationConfig:
    """A copy of the caller's settings, completed by the model's own where they say nothing."""
    own = model.generation_config
    if generation_config is None:
        return own.copy()
    if not isinstance(generation_config, GenerationConfig):
        raise InputError(
            key="generation_config",
            expected="a GenerationConfig",
            found=type(generation_config).__name__,
        )
    config = generation_config.copy()
    usual = GenerationConfig()
    silent = {
        name: getattr(own, name)
        for name in GenerationConfig._fields
        if not name.startswith("_") and getattr(config, name) == getattr(usual, name)
    }
    config.update(**silent)
    return config


def _asked(config: GenerationConfig, takes: tuple[str, ...], mode: GenerationMode) -> tuple:
    """The further outputs that calls are asked for."""
    names = []
    if config.return_dict_in_generate:
        names = [n for n in ("output_attentions", "output_hidden_states") if getattr(config, n)]
    if mode is GenerationMode.CONTRASTIVE_SEARCH:
        names.append("output_hidden_states")
    return tuple(dict.fromkeys(name for name in names if name in takes))


def _sorted(engine: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], tuple]:
    """Arrays, and arguments that are none."""
    arrays, constants = {}, []
    for name, x in given.items():
        if name == "encoder_outputs":
            first = x[0] if isinstance(x, list | tuple) else x["last_hidden_state"]
            arrays[name] = [engine.ops.array(first)]
        elif isinstance(x, bool | int | float | str):
            constants.append((name, x))
        else:
            try:
                arrays[name] = engine.ops.array(x)
            except (TypeError, ValueError) as error:
                found = f"{show(x)} ({error})"
                raise InputError(key=name, expected="an array", found=found) from None
    return arrays, tuple(constants)


# The prompt of each kind of model.


def _decoder_alone(request: Request) -> None:
    """The prompt is what the decoder goes on with."""
    ops, inputs = request.engine.ops, request.inputs
    ids, embeds = inputs.pop("input_ids", None), inputs.get("inputs_embeds")
    if embeds is not None:
        if len(ops.shape(embeds)) != 3:
            found = f"{len(ops.shape(embeds))} axes"
            raise InputError(key="inputs_embeds", expected="[b, s, hidden_size]", found=found)
        request.embedded = ops.shape(embeds)[1]
    if ids is None:
        ids = _without_tokens(request, embeds)
    _check_ids(request, ids, "input_ids")
    request.ids = request.source = ids
    rows, length = ops.shape(ids)
    mask = inputs.pop("attention_mask", None)
    if mask is None and embeds is None:
        mask = _inferred_mask(request, ids)
    if mask is not None:
        checks.check_mask(ops.shape(mask), rows, request.embedded or length)
        values = ops.to_numpy(mask)
        checks.warn_right_padding(values, values)
        request.mask = None if values.all() else mask


def _without_tokens(request: Request, embeds: Any) -> Any:
    """The first token, where there is no prompt; nothing, where it comes as vectors."""
    ops = request.engine.ops
    if embeds is not None:
        return ops.full((ops.shape(embeds)[0], 0), 0, ops.int_)
    start = checks.as_ids(request.config.bos_token_id)
    checks.check_prompt(0, start[0] if start else None)
    rows = {ops.shape(x)[0] for x in request.inputs.values() if not isinstance(x, list)}
    return ops.full((max(rows, default=1), 1), start[0], ops.int_)


def _behind_encoder(request: Request) -> None:
    """The prompt is the encoder's, and the decoder begins with a token of its own."""
    ops, inputs, config = request.engine.ops, request.inputs, request.config
    ids = inputs.get("input_ids")
    if ids is not None:
        _check_ids(request, ids, "input_ids", source=True)
        request.source = ids
        mask = inputs.get("attention_mask")
        if mask is None and (mask := _inferred_mask(request, ids)) is not None:
            inputs["attention_mask"] = mask
        elif mask is not None:
            checks.check_mask(ops.shape(mask), *ops.shape(ids))
        if request.engine.traces and not config.return_dict_in_generate and request.past is None:
            _widen_source(request)
    rows = {ops.shape(x[0] if isinstance(x, list) else x)[0] for x in inputs.values()}
    if not rows:
        found = "none of its inputs"
        raise InputError("there is nothing for the encoder to read", found=found)
    batch = max(rows)
    tokens = inputs.pop("decoder_input_ids", None)
    start = ops.array(checks.decoder_start(config, batch) if needs_start(config, tokens) else [0])
    if tokens is None and transcription.is_transcription(config):
        starts = checks.decoder_start(config, batch)
        tokens = ops.array(transcription.first_tokens(config, starts, _detector(request, start)))
    elif tokens is None:
        tokens = start[:, None]
    else:
        _check_ids(request, tokens, "decoder_input_ids")
        # what a transcript begins with may come after earlier text
        begins = needs_start(config, tokens) and not transcription.is_transcription(config)
        if begins and ops.to_numpy(tokens[:, 0] != start).all():
            tokens = ops.concat([start[:, None], tokens], 1)
            mask = inputs.get("decoder_attention_mask")
            if mask is not None:
                inputs["decoder_attention_mask"] = ops.concat([mask[:, :1] * 0 + 1, mask], 1)
    request.ids = tokens
    mask = inputs.pop("decoder_attention_mask", None)
    if mask is not None and not ops.to_numpy(mask).all():
        request.mask = mask


def _widen_source(request: Request) -> None:
    """Pads the source to one of few lengths, for each of which something is compiled."""
    ops, inputs = request.engine.ops, request.inputs
    ids = inputs["input_ids"]
    size = bucket(ops.shape(ids)[1])
    if size == ops.shape(ids)[1] or "attention_mask" not in request.caller.takes:
        return
    mask = inputs.get("attention_mask")
    if mask is None:
        mask = ops.array(np.ones(ops.shape(ids), np.int64), like=ids)
    pad = getattr(request.model.config, "pad_token_id", None) or request.config.pad_token_id or 0
    inputs["input_ids"] = padded(ops, ids, size, pad)
    inputs["attention_mask"] = padded(ops, mask, size, 0)


def _detector(request: Request, start: Any) -> Callable[[list[int]], np.ndarray]:
    """Finds the likeliest of some tokens after the first ones, int [b]."""
    engine, ops = request.engine, request.engine.ops
    caller = replace(request.caller, cache_name=None, asked=())

    def detect(tokens: list[int]) -> np.ndarray:
        arrays = {"inputs": request.inputs, "tokens": start[:, None]}
        output = engine.call(request.model, Whole(engine, caller), None, arrays)
        scores = ops.to_numpy(scores_of(ops, output))[:, tokens]
        return np.array(tokens)[scores.argmax(axis=1)]

    return detect


def needs_start(config: GenerationConfig, tokens: Any) -> bool:
    """Whether the decoder's prompt begins with a token of the configuration."""
    known = config.decoder_start_token_id is not None or config.bos_token_id is not None
    return tokens is None or known


def _check_ids(request: Request, ids: Any, key: str, source: bool = False) -> None:
    ops = request.engine.ops
    size = None if source else vocabulary(request.model)
    values = None if source else ops.to_numpy(ids)
    checks.check_ids(ops.shape(ids), ids.dtype, values, size, key)


def _inferred_mask(request: Request, ids: Any) -> Any:
    """Where tokens are no padding, if some are and padding is not the end as well."""
    pad = request.config.pad_token_id
    if pad is None or pad in request.eos:
        return None
    values = request.engine.ops.to_numpy(ids)
    if not (values == pad).any():
        return None
    return request.engine.ops.array((values != pad).astype(np.int64))


def _unused(request: Request) -> int:
    """How many places before the prompts take no position: they are padding in all of them."""
    caller = request.caller
    if not caller.encoder or request.mask is None or caller.names.positions not in caller.takes:
        return 0
    return int(request.engine.ops.to_numpy(request.mask).any(axis=0).argmax())


# What a model is like.


def lengths_of(
    model: Any,
    config: GenerationConfig,
    prompt: int,
    asked: Mapping[str, Any],
    embedded: int = 0,
    unused: int = 0,
) -> Lengths:
    """The lengths that a model's sequences may have after a prompt; see `plan_lengths`.

    `unused`: how many of the prompt's tokens take no position.
    """
    positions = position_count(model)
    return plan_lengths(
        config,
        prompt,
        asked,
        limit=getattr(_decoder_config(model), "max_position_embeddings", None),
        positions=None if positions is None else positions + unused,
        embedded=embedded,
    )


def _states(model: Any) -> list:
    return [spec for states in model.cache_layout() for spec in states.values()]


def _decoder_config(model: Any) -> Any:
    parts = model.config.sub_configs() if hasattr(model.config, "sub_configs") else {}
    return next((parts[n] for n in ("decoder", "text_config") if n in parts), model.config)


def vocabulary(model: Any) -> int | None:
    """How many tokens the decoder has; None of a model of numbers."""
    config = _decoder_config(model)
    return getattr(config, "decoder_vocab_size", None) or getattr(config, "vocab_size", None)


def position_count(model: Any) -> int | None:
    """How many positions the decoder has a table of; None without one."""
    name = model.decoding.positions
    return None if name is None else getattr(_decoder_config(model), name, None)
