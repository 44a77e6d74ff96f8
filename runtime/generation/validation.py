"""Settings of generation against each other."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, show

if TYPE_CHECKING:
    from .config import GenerationConfig

# What is not supported, with the values that ask for nothing.
UNSUPPORTED = {
    "token_healing": (False, None),
    "watermarking_config": (None,),
    "dola_layers": (None,),
    "assistant_early_exit": (None,),
    "constraints": (None,),
    "force_words_ids": (None,),
    "low_memory": (False, None),
    "return_legacy_cache": (False, None),
}
# Settings that only sampling, beams, groups and caches heed, with the values that are no request.
SAMPLING = {
    "temperature": (1.0, None),
    "top_p": (1.0, None),
    "min_p": (None,),
    "typical_p": (1.0, None),
    "top_k": (50, None),
    "epsilon_cutoff": (0.0, None),
    "eta_cutoff": (0.0, None),
}
BEAMS = {"early_stopping": (False,), "length_penalty": (1.0, None)}
GROUPS = {"diversity_penalty": (0.0, None)}
CACHE = {"cache_implementation": (None,), "cache_config": (None,)}
OUTPUTS = {
    "output_attentions": (False, None),
    "output_hidden_states": (False, None),
    "output_scores": (False, None),
    "output_logits": (False, None),
}


def validate(config: GenerationConfig, strict: bool = False) -> None:
    """Raises ConfigError for settings that cannot be used, and warns of those without effect."""
    _check_support(config)
    _check_values(config)
    _check_beams(config)
    ignored = _ignored(config)
    if not ignored:
        return
    text = ", ".join(f"{name}={show(getattr(config, name))} ({why})" for name, why in ignored)
    if strict:
        raise ConfigError(f"these settings have no effect: {text}")
    warnings.warn(f"these settings of generation have no effect: {text}", stacklevel=4)


def _check_support(config: GenerationConfig) -> None:
    for name, accepted in UNSUPPORTED.items():
        value = getattr(config, name)
        if not _one_of(value, accepted):
            expected = show(accepted[0])
            raise ConfigError("not supported", key=name, expected=expected, found=show(value))


def _check_values(config: GenerationConfig) -> None:
    if isinstance(config.early_stopping, str) and config.early_stopping != "never":
        expected = "true, false or 'never'"
        found = show(config.early_stopping)
        raise ConfigError(key="early_stopping", expected=expected, found=found)
    positive = ["repetition_penalty", "encoder_repetition_penalty"]
    if config.do_sample:
        positive += ["temperature", "typical_p"]
    for name in positive:
        if getattr(config, name) == 0:
            raise ConfigError(key=name, expected="a number above 0", found="0")
    for name in ("bad_words_ids", "sequence_bias"):
        _check_sequences(name, getattr(config, name))
    strings = config.stop_strings
    if strings is not None and not all([strings] if isinstance(strings, str) else strings):
        expected = "strings of one character or more"
        raise ConfigError(key="stop_strings", expected=expected, found=show(strings))


def _check_sequences(name: str, value: list | None) -> None:
    if value is None:
        return
    sequences = value if name == "bad_words_ids" else [pair[0] for pair in value]
    if not sequences or not all(sequences):
        raise ConfigError(key=name, expected="one token or more in each", found=show(value))
    if any(token < 0 for sequence in sequences for token in sequence):
        raise ConfigError(key=name, expected="token ids of at least 0", found=show(value))


def _check_beams(config: GenerationConfig) -> None:
    beams, groups, several = config.num_beams, config.num_beam_groups, config.num_return_sequences
    if beams % groups:
        expected = f"a divisor of num_beams ({beams})"
        raise ConfigError(key="num_beam_groups", expected=expected, found=show(groups))
    if groups > 1 and config.do_sample:
        expected = "1 with do_sample=True"
        raise ConfigError(key="num_beam_groups", expected=expected, found=show(groups))
    if beams == 1 and several > 1 and not config.do_sample:
        expected = "1 where one sequence is searched for"
        hint = "Set do_sample=True, or num_beams"
        raise ConfigError(
            key="num_return_sequences", expected=expected, found=show(several), hint=hint
        )
    if 1 < beams < several:
        expected = f"at most num_beams ({beams})"
        raise ConfigError(key="num_return_sequences", expected=expected, found=show(several))


def _ignored(config: GenerationConfig) -> list[tuple[str, str]]:
    """(name, why) of the settings that have no effect beside the others."""
    tables = [
        (not config.do_sample, SAMPLING, "only with do_sample=True"),
        (config.num_beams == 1, BEAMS, "only with num_beams above 1"),
        (config.num_beam_groups == 1, GROUPS, "only with num_beam_groups above 1"),
        (not config.use_cache, CACHE, "only with use_cache=True"),
        (not config.return_dict_in_generate, OUTPUTS, "only with return_dict_in_generate=True"),
    ]
    contrastive = not config.do_sample and bool(config.penalty_alpha)
    found = [
        (name, why)
        for applies, table, why in tables
        for name, accepted in table.items()
        if applies and not _one_of(getattr(config, name), accepted)
        if not (contrastive and name == "top_k")
    ]
    if config.num_beam_groups > 1 and not config.diversity_penalty:
        found.append(("diversity_penalty", "the groups will find the same sequences"))
    if config.pad_token_id is not None and config.pad_token_id < 0:
        found.append(("pad_token_id", "no token has a negative id"))
    return found


def _one_of(value: Any, accepted: tuple) -> bool:
    return any(value is item or value == item for item in accepted)
