"""What layers declare to keep between calls; each framework's cache makes the tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StateSpec:
    """What one layer keeps: keys and values of past tokens (kv), or of another sequence (cross)."""

    kind: str
    heads: int
    head_dim: int
    value_dim: int
    window: int | None = None  # how many positions back are read, if not all


Layout = Sequence[dict[str, StateSpec]]  # the states of each position of a stack, by name


def kv_cache(
    heads: int, head_dim: int, window: int | None = None, value_dim: int | None = None
) -> StateSpec:
    """The keys and values of all tokens so far."""
    return StateSpec("kv", heads, head_dim, value_dim or head_dim, window)


def cross_cache(heads: int, head_dim: int, value_dim: int | None = None) -> StateSpec:
    """The keys and values of another sequence, which do not change."""
    return StateSpec("cross", heads, head_dim, value_dim or head_dim)
