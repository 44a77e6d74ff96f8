"""How long sequences may become, and how long they have to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import InputError, show

if TYPE_CHECKING:
    from .config import GenerationConfig

USUAL = 20  # new tokens, where nothing says how many


class Lengths(NamedTuple):
    """Numbers of tokens, the prompt included."""

    prompt: int
    maximum: int
    minimum: int

    @property
    def new(self) -> int:
        """The most tokens that can be added."""
        return self.maximum - self.prompt


def plan_lengths(
    config: GenerationConfig,
    prompt: int,
    given: Mapping[str, Any] | None = None,
    *,
    limit: int | None = None,
    positions: int | None = None,
    embedded: int = 0,
) -> Lengths:
    """The lengths that a configuration and a prompt give; InputError if nothing can be added.

    Args:
        prompt: The number of tokens in the (decoder's) prompt.
        given: The keyword arguments of the call, to tell what its caller asked for.
        limit: The model's `max_position_embeddings`, which the usual length stays within.
        positions: How many positions a learned table has; None where there is no table.
        embedded: Positions that come as `inputs_embeds` instead of tokens.
    """
    asked = {name for name, value in (given or {}).items() if value is not None}
    if {"max_length", "max_new_tokens"} <= asked:
        hint = "Give one of the two: max_length counts the prompt, max_new_tokens does not"
        found = f"both, {show(given['max_length'])} and {show(given['max_new_tokens'])}"
        expected = "max_length or max_new_tokens"
        raise InputError(key="max_length", expected=expected, found=found, hint=hint)
    # Positions without tokens take up what `max_length` allows.
    unseen = embedded if embedded and embedded != prompt else 0
    if config.max_new_tokens is not None:
        maximum = prompt + config.max_new_tokens
    elif unseen:
        maximum = (USUAL if config.max_length is None else config.max_length) - unseen
    elif _usual(config, asked):
        maximum = prompt + USUAL
        if limit is not None:
            maximum = min(maximum, limit)
    else:
        maximum = config.max_length
    if config.min_new_tokens is not None:
        minimum = prompt + config.min_new_tokens
    else:
        minimum = max((config.min_length or 0) - unseen, 0)
    lengths = Lengths(prompt, maximum, minimum)
    _check(config, lengths, unseen, positions)
    return lengths


def longest_prompt(config: GenerationConfig, given: Mapping[str, Any], positions: int) -> int:
    """How many tokens may come before new ones, of a model with so many positions."""
    if config.max_new_tokens is not None:
        return positions + 1 - config.max_new_tokens
    asked = {name for name, value in given.items() if value is not None}
    return positions + 1 - USUAL if _usual(config, asked) else config.max_length - 1


def _usual(config: GenerationConfig, asked: set[str]) -> bool:
    """Whether nothing says how many tokens there may be."""
    if config.max_length is None:
        return True
    return "max_length" not in asked and config.max_length == USUAL


def bucket(count: int) -> int:
    """A size not below `count` of few that there are, so that little is compiled: 16, 24, 32, 48,
    64, 96 and so on."""
    size = 16
    while size < count:
        if size * 3 // 2 >= count:
            return size * 3 // 2
        size *= 2
    return size


def padded(ops: Any, x: Any, columns: int, fill: int, like: Any = None) -> Any:
    """Whole numbers [b, s] with so many columns, `fill` in the new ones.

    By numpy: compilers would compile for each number of columns.
    """
    values = ops.to_numpy(x) if like is None else x
    room = ((0, 0), (0, columns - values.shape[1]))
    found = np.pad(values, room, constant_values=fill)
    return ops.array(found, like=x if like is None else like)


def _check(config: GenerationConfig, lengths: Lengths, unseen: int, positions: int | None) -> None:
    prompt, maximum, minimum = lengths
    if maximum <= prompt:
        raise InputError(
            "nothing can be added to the prompt",
            key="max_length",
            expected=f"more than the prompt's {prompt + unseen} tokens",
            found=show(maximum + unseen),
            hint="max_new_tokens counts only what is added",
        )
    # The last token is never an input.
    if positions is not None and maximum + unseen - 1 > positions:
        key = "max_length" if config.max_new_tokens is None else "max_new_tokens"
        expected = f"at most {max(positions + 1 - prompt - unseen, 0)} new tokens"
        raise InputError(
            f"the model has {positions} positions, of which the prompt takes {prompt + unseen}",
            key=key,
            expected=expected,
            found=show(lengths.new),
        )
    if minimum > maximum:
        key = "min_length" if config.min_new_tokens is None else "min_new_tokens"
        text = f"asks for {minimum} tokens in all, of which at most {maximum} can be had"
        warnings.warn(f"{key}: {text}", stacklevel=4)
