"""What layers declare to keep between calls; each framework's cache makes the tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from .errors import InputError


@dataclass(frozen=True)
class StateSpec:
    """What one layer keeps: keys and values of past tokens (kv), or of another sequence (cross);
    or a tensor [b, heads, head_dim] that each call replaces (tensor), in float32 if `wide`."""

    kind: str
    heads: int
    head_dim: int
    value_dim: int
    window: int | None = None  # how many positions back are read, if not all
    wide: bool = False


Layout = Sequence[dict[str, StateSpec]]  # the states of each position of a stack, by name


def kv_cache(
    heads: int, head_dim: int, window: int | None = None, value_dim: int | None = None
) -> StateSpec:
    """The keys and values of all tokens so far."""
    return StateSpec("kv", heads, head_dim, value_dim or head_dim, window)


def cross_cache(heads: int, head_dim: int, value_dim: int | None = None) -> StateSpec:
    """The keys and values of another sequence, which do not change."""
    return StateSpec("cross", heads, head_dim, value_dim or head_dim)


def tensor_state(rows: int, columns: int, wide: bool = False) -> StateSpec:
    """A tensor [b, rows, columns] that sums up all tokens so far."""
    return StateSpec("tensor", rows, columns, columns, wide=wide)


def refuse_crop() -> NoReturn:
    """What sums up all tokens cannot forget the last ones."""
    raise InputError(
        "this cache cannot be cropped",
        key="past_key_values",
        expected="keys and values of single tokens",
        found="states that sum up all of them",
    )


def kept(length: int, window: int | None) -> int:
    """How many of `length` tokens a growing state keeps: those that the next token reads."""
    return length if window is None else min(length, window - 1)


def kept_after_crop(length: int, dropped: int, window: int | None) -> int:
    """How many of a growing state's tokens are left without the last `dropped`, of `length`.

    Raises InputError where a window has already passed over what would be read then.
    """
    before, needed = kept(length, window), kept(length - dropped, window)
    if before - dropped < needed:
        raise InputError(
            "the cache has dropped tokens that its windows would need",
            key="past_key_values",
            expected=f"windows that still hold the last {needed} of {length - dropped} tokens",
            found=f"{max(0, before - dropped)}",
        )
    return before - dropped
