"""What a call of `generate` is checked for before any work; plain values, no framework."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, nearest, show
from .modes import GenerationMode

if TYPE_CHECKING:
    from .config import GenerationConfig

STATIC_CACHES = (
    *("static", "offloaded_static", "sliding_window"),
    *("hybrid", "hybrid_chunked", "offloaded_hybrid", "offloaded_hybrid_chunked"),
)


def check_arguments(rest: Iterable[str], inputs: Iterable[str], fields: Iterable[str]) -> None:
    """Refuses arguments that neither the configuration nor the model has.

    `rest`: what the configuration left; `inputs`: the model's; `fields`: for the nearest name.
    """
    inputs = list(inputs)
    for name in rest:
        if name not in inputs:
            what = "neither a setting of generation nor an input of the model"
            raise InputError(what, key=name, hint=nearest(name, [*inputs, *fields]))


def check_ids(
    shape: Sequence[int],
    dtype: Any,
    ids: np.ndarray | None = None,
    vocab_size: int | None = None,
    key: str = "input_ids",
) -> None:
    """Refuses token ids that are no [b, s] array of integers within the vocabulary.

    `ids` are the values where they can be had; without them only shape and type are checked.
    """
    if len(shape) != 2:
        hint = "A single sequence is a batch of one: [[1, 2, 3]]" if len(shape) == 1 else ""
        raise InputError(key=key, expected="[b, s]", found=f"{len(shape)} axes", hint=hint)
    if not _is_integer(dtype):
        raise InputError(key=key, expected="integers", found=str(dtype))
    if shape[0] == 0:
        raise InputError(key=key, expected="one sequence or more", found="none")
    if ids is None or vocab_size is None or ids.size == 0:
        return
    for value in (int(ids.min()), int(ids.max())):
        if not 0 <= value < vocab_size:
            expected = f"ids from 0 to {vocab_size - 1}"
            raise InputError(key=key, expected=expected, found=show(value))


def check_prompt(length: int, bos_token_id: Any, key: str = "input_ids") -> None:
    """Refuses an empty prompt where there is no token to begin with."""
    if length == 0 and bos_token_id is None:
        hint = "Give a prompt, or set bos_token_id"
        raise InputError("there is nothing to begin with", key=key, hint=hint)


def check_mask(shape: Sequence[int], batch: int, length: int, key: str = "attention_mask") -> None:
    """Refuses a mask that is not of the prompt's shape [b, s]."""
    if tuple(shape) != (batch, length):
        expected = f"[{batch}, {length}], like the prompt"
        raise InputError(key=key, expected=expected, found=str(list(shape)))


def warn_right_padding(
    ids: np.ndarray, mask: np.ndarray | None = None, pad_token_id: int | None = None
) -> None:
    """Warns of prompts int [b, s] of a decoder that end in padding: tokens would follow it."""
    if ids.ndim != 2 or ids.shape[1] == 0:
        return
    if mask is not None:
        padded = (mask[:, -1] == 0).any()
    else:
        padded = len(ids) > 1 and pad_token_id is not None and (ids[:, -1] == pad_token_id).any()
    if padded:
        text = "a prompt ends in padding, and what is generated would follow it; pad on the left"
        warnings.warn(text, stacklevel=3)


def check_token_ids(config: GenerationConfig, vocab_size: int) -> None:
    """Refuses settings with tokens that the model does not have."""
    biased = [ids for ids, _ in config.sequence_bias or []]
    used = {
        "sequence_bias": [token for ids in biased for token in ids],
        "bad_words_ids": [token for ids in config.bad_words_ids or [] for token in ids],
    }
    for name in ("forced_bos_token_id", "forced_eos_token_id", "decoder_start_token_id"):
        used[name] = as_ids(getattr(config, name))
    for name, tokens in used.items():
        for token in tokens:
            if not 0 <= token < vocab_size:
                expected = f"ids from 0 to {vocab_size - 1}"
                raise InputError(key=name, expected=expected, found=show(token))


def as_ids(value: int | Sequence[int] | None) -> list[int]:
    """One id, several or none, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, int) else list(value)


def decoder_start(config: GenerationConfig, batch: int) -> list[int]:
    """The first token of each of a decoder's rows: one for all, or one for each."""
    key, found = "decoder_start_token_id", config.decoder_start_token_id
    if found is None:
        found = config.bos_token_id
    starts = as_ids(found)
    if not starts:
        what = "a decoder behind an encoder needs a first token"
        hint = "Set decoder_start_token_id or bos_token_id, or give decoder_input_ids"
        raise InputError(what, key=key, hint=hint)
    if len(starts) not in (1, batch):
        raise InputError(key=key, expected=f"one token, or {batch}", found=show(starts))
    return starts * batch if len(starts) == 1 else starts


def check_search(
    mode: GenerationMode,
    config: GenerationConfig,
    *,
    batch: int,
    assistant: bool = False,
    streamer: bool = False,
    stateful: bool = False,
) -> None:
    """Refuses combinations of a way to decode with what it cannot do.

    `assistant`, `streamer`: whether they were given; `stateful`: whether the model's state cannot
    be taken back to an earlier token.
    """
    if streamer and mode.beams:
        hint = "The text of beams is known at the end only"
        raise InputError(
            key="num_beams", expected="1 with a streamer", found=show(config.num_beams), hint=hint
        )
    if mode is GenerationMode.CONTRASTIVE_SEARCH:
        _need_cache(config, "contrastive search", stateful)
    if assistant or config.prompt_lookup_num_tokens is not None:
        check_assisted(mode, config, batch=batch, stateful=stateful)


def check_assisted(
    mode: GenerationMode, config: GenerationConfig, *, batch: int, stateful: bool = False
) -> None:
    """Refuses what decoding with an assistant, or from the prompt, cannot do."""
    if mode is not GenerationMode.ASSISTED_GENERATION:
        expected = "greedy decoding or sampling with an assistant"
        found = mode.value.replace("_", " ")
        raise InputError(key="assistant_model", expected=expected, found=found)
    if batch != 1:
        expected = "a batch of 1 with an assistant"
        raise InputError(key="input_ids", expected=expected, found=show(batch))
    if config.num_return_sequences != 1:
        key, found = "num_return_sequences", show(config.num_return_sequences)
        raise InputError(key=key, expected="1 with an assistant", found=found)
    _need_cache(config, "decoding with an assistant", stateful)
    if config.cache_implementation in STATIC_CACHES:
        key, found = "cache_implementation", show(config.cache_implementation)
        raise InputError(key=key, expected="a cache that grows, with an assistant", found=found)


def _need_cache(config: GenerationConfig, purpose: str, stateful: bool) -> None:
    if not config.use_cache:
        raise InputError(
            f"{purpose} needs a cache", key="use_cache", expected="True", found="False"
        )
    if stateful:
        what = f"{purpose} goes back to earlier tokens, which this model's state cannot"
        raise InputError(what, key="use_cache")


def check_cache(config: GenerationConfig, given: bool) -> None:
    """Refuses settings about the cache that contradict each other or a cache that was `given`."""
    if given and config.cache_implementation is not None:
        found = f"{show(config.cache_implementation)} and a cache of one's own"
        expected = "one of cache_implementation and past_key_values"
        raise InputError(key="cache_implementation", expected=expected, found=found)


def check_chunks(config: GenerationConfig, cached: bool, other: Iterable[str] = ()) -> None:
    """Refuses a prompt in chunks without a cache, or with more to it than tokens: `other` inputs
    and outputs."""
    if config.prefill_chunk_size is None:
        return
    what = None if cached else "a prompt in chunks needs a decoder alone, with a cache"
    if cached and (names := sorted(other)):
        what = f"a prompt in chunks has tokens alone, not {names[0]}"
    if what is not None:
        found = show(config.prefill_chunk_size)
        raise InputError(what, key="prefill_chunk_size", expected="None", found=found)


def check_stop_strings(config: GenerationConfig, tokenizer: Any) -> None:
    """Refuses stop strings where nothing can turn tokens into text."""
    if config.stop_strings is not None and tokenizer is None:
        hint = "Give generate(..., tokenizer=...) as well"
        raise InputError("text needs a tokenizer", key="stop_strings", hint=hint)
    if config.stop_strings is not None and not hasattr(tokenizer, "decode"):
        expected = "an object with `decode(ids)`"
        raise InputError(key="tokenizer", expected=expected, found=type(tokenizer).__name__)


def check_guidance(
    config: GenerationConfig, negative: Mapping[str, Any], is_encoder_decoder: bool = False
) -> None:
    """Refuses negative prompts without guidance, and guidance where there is no other prompt.

    `negative`: negative_prompt_ids and negative_prompt_attention_mask as they were given.
    """
    given = {name for name, value in negative.items() if value is not None}
    guided = config.guidance_scale is not None and config.guidance_scale != 1
    if given and not guided:
        name, found = min(given), show(config.guidance_scale)
        raise InputError(
            f"{name} has no effect", key="guidance_scale", expected="a number beside 1", found=found
        )
    if given == {"negative_prompt_attention_mask"}:
        what = "a mask without the prompt that it is for"
        raise InputError(what, key="negative_prompt_ids", expected="token ids", found="None")
    if guided and is_encoder_decoder:
        what = "guidance is for decoders without an encoder"
        found = show(config.guidance_scale)
        raise InputError(what, key="guidance_scale", expected="None or 1", found=found)


def check_streamer(streamer: Any) -> None:
    """Refuses what cannot receive tokens."""
    if streamer is None:
        return
    for name in ("put", "end"):
        if not callable(getattr(streamer, name, None)):
            expected = "an object with `put` and `end`"
            raise InputError(key="streamer", expected=expected, found=type(streamer).__name__)


def check_callables(key: str, values: Iterable[Any] | None) -> None:
    """Refuses what is no list of functions: `logits_processor`, `stopping_criteria`."""
    if values is None:
        return
    if not isinstance(values, Iterable):
        expected = "a list of functions"
        raise InputError(key=key, expected=expected, found=type(values).__name__)
    for value in values:
        if not callable(value):
            raise InputError(key=key, expected="functions", found=type(value).__name__)


def _is_integer(dtype: Any) -> bool:
    """Whether a dtype of any framework is one of integers."""
    name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
    return name.lstrip("u").startswith("int")
