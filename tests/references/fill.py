"""Values from names: the counter hash that fills weights, inputs and comparison vectors.

A value depends on nothing but (seed, name, flat index), and only exactly rounded operations are
used, so every machine gets the same bits. The steps, all modulo 2**64:

    base     = mix(fnv1a64(name) ^ seed)
    draw(i)  = mix(base + (i + 1) * 0x9E3779B97F4A7C15)           one 64-bit word an index
    mix(z)   : z ^= z >> 30;  z *= 0xBF58476D1CE4E5B9;  z ^= z >> 27;  z *= 0x94D049BB133111EB;
               z ^= z >> 31
    uniform  = (draw >> 11) * 2**-53                              in [0, 1)
    normal   = (sum of the four 16-bit fields of draw - 131070) * sqrt(3 / (2**32 - 1))

`normal` has mean 0, variance 1 and reaches 3.46: a bell from whole numbers, since logarithms and
cosines differ in their last bits between machines, and a checkpoint's hash would with them.
Values are computed in float64 and rounded once to the tensor's type.
"""

import math

import numpy as np

PROJECTIONS = 8
ENTRIES = 16
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MASK = 0xFFFFFFFFFFFFFFFF
_NORMAL_SCALE = math.sqrt(3.0 / 4294967295.0)


def fnv1a64(text):
    """The 64-bit FNV-1a hash of a string's UTF-8 bytes."""
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def _mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def draws(seed, name, count):
    """The first `count` 64-bit words of the stream (seed, name)."""
    base = _mix(np.array([fnv1a64(name) ^ (seed & _MASK)], dtype=np.uint64))
    steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    return _mix(base + steps)


def uniforms(seed, name, count):
    """float64 values in [0, 1)."""
    return (draws(seed, name, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(seed, name, count):
    """float64 values of mean 0 and variance 1."""
    words = draws(seed, name, count)
    field = np.uint64(0xFFFF)
    total = sum((words >> np.uint64(shift)) & field for shift in (0, 16, 32, 48))
    return (total.astype(np.float64) - 131070.0) * _NORMAL_SCALE


def integers(seed, name, shape, low, high):
    """int64 values from `low` up to, not including, `high`."""
    words = draws(seed, name, math.prod(shape)) % np.uint64(high - low)
    return (words.astype(np.int64) + low).reshape(shape)


def values(seed, name, shape, fill):
    """The float64 values of a tensor filled by rule `fill`, a list: kind, then its numbers.

    ["normal", mean, std], ["uniform", low, high], ["positive", base, std] (base + std * |normal|),
    ["constant", value].
    """
    kind, *numbers = fill
    count = math.prod(shape)
    if kind == "normal":
        mean, std = numbers
        flat = mean + std * normals(seed, name, count)
    elif kind == "uniform":
        low, high = numbers
        flat = low + (high - low) * uniforms(seed, name, count)
    elif kind == "positive":
        base, std = numbers
        flat = base + std * np.abs(normals(seed, name, count))
    elif kind == "constant":
        flat = np.full(count, numbers[0], dtype=np.float64)
    else:
        raise ValueError(f"unknown fill kind {kind!r} for {name!r}")
    return flat.reshape(shape)


_signs = np.zeros((0, PROJECTIONS), dtype=np.float64)


def signs(count):
    """The sign table [count, 8]: +1 where bit k of draw(0, "projections", i) is set, else -1."""
    global _signs
    if count > len(_signs):
        words = draws(0, "projections", max(count, 4096))
        bits = (words[:, None] >> np.arange(PROJECTIONS, dtype=np.uint64)) & np.uint64(1)
        _signs = bits.astype(np.float64) * 2.0 - 1.0
    return _signs[:count]


def project(array):
    """The 8 seeded projections of an array: sum of sign * value over sqrt(size), in float64."""
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    if flat.size == 0:
        return np.zeros(PROJECTIONS)
    return flat @ signs(flat.size) / math.sqrt(flat.size)


def entry_positions(count):
    """16 flat positions in an array of `count` entries: draw(0, "entries", i) mod count."""
    return (draws(0, "entries", ENTRIES) % np.uint64(count)).astype(np.int64)
