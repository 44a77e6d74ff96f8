"""Optional outputs: intermediate values that are collected while a model runs."""

from ..taps import NO_TAPS, Taps, switch_of

__all__ = ["NO_TAPS", "Taps", "switch_of"]
