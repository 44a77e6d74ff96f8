"""The rules that a configuration asks for, in the order in which they apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .base import Own, Processor
from .biases import BadWords, SequenceBias
from .forced import ForcedBos, ForcedEos
from .lengths import ExponentialDecayLength, MinLength, MinNewTokens
from .ngrams import EncoderNoRepeatNgram, NoRepeatNgram
from .penalties import EncoderRepetitionPenalty, RepetitionPenalty
from .prefix import PrefixConstrained
from .scores import Normalize, RemoveInvalid
from .suppressed import Suppress, SuppressAtBegin
from .truncation import Epsilon, Eta, MinP, Temperature, TopK, TopP, Typical


def build(
    config: Any,
    *,
    prefix: Callable[[int, Any], Sequence[int]] | None = None,
    own: Iterable[Processor | Callable[..., Any]] = (),
) -> tuple[Processor, ...]:
    """All rules for a configuration with the fields of a GenerationConfig.

    `prefix`: a function that lists the tokens allowed after a text. `own`: a caller's rules; one of
    ours takes the place of the same kind, the others follow before those of sampling.
    """
    eos = _tokens(config.eos_token_id)
    processors = _merged(list(_rules(config, eos, prefix)), own)
    if config.do_sample:
        processors += _warpers(config, len(eos))
    if config.renormalize_logits:
        processors.append(Normalize())
    return tuple(processors)


def _tokens(value: int | Iterable[int] | None) -> tuple[int, ...]:
    if value is None:
        return ()
    return (int(value),) if isinstance(value, int) else tuple(int(token) for token in value)


def _rules(config: Any, eos: tuple[int, ...], prefix: Callable | None) -> Iterator[Processor]:
    """Those of any search."""
    ends = [[token] for token in eos]
    if config.sequence_bias is not None:
        yield SequenceBias.of(config.sequence_bias)
    if config.encoder_repetition_penalty not in (None, 1.0):
        yield EncoderRepetitionPenalty(config.encoder_repetition_penalty)
    if config.repetition_penalty not in (None, 1.0):
        yield RepetitionPenalty(config.repetition_penalty)
    if config.no_repeat_ngram_size:
        yield NoRepeatNgram(config.no_repeat_ngram_size)
    if config.encoder_no_repeat_ngram_size:
        yield EncoderNoRepeatNgram(config.encoder_no_repeat_ngram_size)
    if config.bad_words_ids is not None:
        # A text must be able to end.
        words = tuple(tuple(word) for word in config.bad_words_ids if list(word) not in ends)
        if words:
            yield BadWords(words)
    if config.min_length and eos:
        yield MinLength(config.min_length, eos)
    if config.min_new_tokens and eos:
        yield MinNewTokens(config.min_new_tokens, eos)
    if prefix is not None:
        yield PrefixConstrained(prefix, config.num_beams)
    if config.forced_bos_token_id is not None:
        yield ForcedBos(_tokens(config.forced_bos_token_id))
    if config.forced_eos_token_id is not None:
        yield ForcedEos(_tokens(config.forced_eos_token_id))
    if config.remove_invalid_values:
        yield RemoveInvalid()
    if config.exponential_decay_length_penalty is not None:
        yield ExponentialDecayLength(*config.exponential_decay_length_penalty, eos)
    if config.suppress_tokens is not None:
        yield Suppress(_tokens(config.suppress_tokens))
    if config.begin_suppress_tokens is not None:
        forced = config.forced_bos_token_id is not None
        yield SuppressAtBegin(_tokens(config.begin_suppress_tokens), forced)


def _warpers(config: Any, ends: int) -> Iterator[Processor]:
    """Those of sampling; `ends`: how many tokens end a text."""
    # Beams need a token that goes on beside all that end.
    keep = 1 if config.num_beams == 1 else max(ends, 1) + 1
    if config.temperature not in (None, 1.0):
        yield Temperature(config.temperature)
    if config.top_k:
        yield TopK(config.top_k, keep)
    if config.top_p is not None and config.top_p < 1:
        yield TopP(config.top_p, keep)
    if config.min_p is not None:
        yield MinP(config.min_p, keep)
    if config.typical_p is not None and config.typical_p < 1:
        yield Typical(config.typical_p, keep)
    if config.epsilon_cutoff is not None and 0 < config.epsilon_cutoff < 1:
        yield Epsilon(config.epsilon_cutoff, keep)
    if config.eta_cutoff is not None and 0 < config.eta_cutoff < 1:
        yield Eta(config.eta_cutoff, keep)


def _merged(rules: list[Processor], own: Iterable[Any]) -> list[Processor]:
    given = [rule if isinstance(rule, Processor) else Own(rule) for rule in own]
    kinds = {type(rule): rule for rule in reversed(given)}  # the first of a kind
    merged = [kinds.get(type(rule), rule) for rule in rules]
    return merged + [rule for rule in given if rule not in merged]
