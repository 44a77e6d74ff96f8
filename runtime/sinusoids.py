"""Positions as sines and cosines of many wavelengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import ConfigError


def sinusoid_table(shape: Sequence[int], steps: float) -> np.ndarray:
    """Sines, then cosines of each position: float32 [length, width] (Vaswani et al. 2017, 3.5).

    Frequency k of the width / 2 ones is 10000 ** (-k / steps).
    """
    length, width = shape
    if width % 2:
        raise ConfigError("sines and cosines need an even width", found=str(width))
    frequency = 10000.0 ** (-np.arange(width // 2) / max(steps, 1))
    angle = np.arange(length)[:, None] * frequency
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def interleaved_table(shape: Sequence[int], std: float) -> np.ndarray:
    """As `sinusoid_table`, with sines and cosines in turns, of mean 0 and a standard deviation."""
    length, width = shape
    halves = sinusoid_table(shape, width / 2).astype(np.float64)
    table = halves.reshape(length, 2, -1).swapaxes(1, 2).reshape(length, width)
    return (std * (table - table.mean()) / table.std(ddof=1)).astype(np.float32)
