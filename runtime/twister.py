"""Normal numbers of the Mersenne Twister, for models that are tied to one generator's numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BLOCK = 16  # so many numbers are made at a time: eight radii, eight angles


def seeded_normal(seed: int, shape: Sequence[int]) -> np.ndarray:
    """The float32 array that `torch.manual_seed(seed); torch.randn(shape)` gives on a CPU.

    By Matsumoto, Nishimura 1998 and Box, Muller 1958; equal but for rounding.
    """
    generator = np.random.RandomState(seed % 2**32)
    count = math.prod(shape)
    values = _few(generator, count) if count < BLOCK else _many(generator, count)
    return values.astype(np.float32).reshape(tuple(shape))


def _many(generator: np.random.RandomState, count: int) -> np.ndarray:
    uniform = _words(generator, count) % 2**24 * 2.0**-24
    whole = count // BLOCK * BLOCK
    values = np.concatenate([_blocks(uniform[:whole]), uniform[whole:]])
    if whole < count:  # the rest, and what it takes to fill a block, is drawn once more
        values[-BLOCK:] = _blocks(_words(generator, BLOCK) % 2**24 * 2.0**-24)
    return values


def _blocks(uniform: np.ndarray) -> np.ndarray:
    first, second = np.split(uniform.reshape(-1, BLOCK), 2, axis=1)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * np.pi * second
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)


def _few(generator: np.random.RandomState, count: int) -> np.ndarray:
    pairs = (count + 1) // 2
    high, low = _words(generator, 4 * pairs).reshape(-1, 2).T
    uniform = (high % 2**21 * 2**32 + low) * 2.0**-53
    angle, radius = 2 * np.pi * uniform[::2], np.sqrt(-2 * np.log1p(-uniform[1::2]))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]


def _words(generator: np.random.RandomState, count: int) -> np.ndarray:
    return generator.randint(0, 2**32, size=count, dtype=np.uint32).astype(np.int64)
