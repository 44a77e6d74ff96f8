"""Caches for generation by kind, and what searches do with any of them.

All functions return new caches, and may be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ...generation.caches import (
    OFFLOADED,
    SLIDING,
    check_fits,
    check_kind,
    check_length,
    refuse_empty,
    refuse_kind,
    without_windows,
)
from ...states import refuse_crop
from ..base import dtype_name
from ..cache import Cache, KeyValueState
from ..functional import Size, shape_of
from .sliding import RingState, SlidingCache

LACKING = ("quantized", *OFFLOADED)


def make_cache(
    model: Any,
    kind: str = "dynamic",
    batch: int | None = None,
    capacity: int | None = None,
    dtype: Any = None,
    **options: Any,
) -> Cache:
    """An empty cache for a model, of one of the kinds in `triptych.generation.caches.KINDS`.

    Those that do not grow are for `batch` sequences of at most `capacity` tokens.
    """
    refuse_kind(kind, "TensorFlow", LACKING)
    check_kind(kind, batch, capacity, options)
    if kind == "static":
        return model.init_cache(batch, capacity, dtype)
    cache = model.init_cache()  # raises where a model keeps nothing
    if kind in SLIDING:
        dtype = model.compute_dtype if dtype is None else dtype_name(dtype)
        return SlidingCache.static(model.cache_layout(), batch, capacity, dtype)
    if kind == "dynamic_full":
        return Cache.growing(without_windows(model.cache_layout()))
    return cache


def fitted(cache: Cache, capacity: int) -> Cache:
    """A cache of fixed size with room for `capacity` tokens that holds those of another one.

    A special kind stays what it is; a growing cache becomes a static one.
    """
    length = _known(cache.length)
    if length is not None:
        check_fits(length, capacity)
    grows = cache.capacity is None

    def fit(state: KeyValueState, x: tf.Tensor) -> tf.Tensor:
        if state.spec.kind != "kv" or (isinstance(state, RingState) and state.is_ring):
            return x
        before = cache.length - shape_of(x)[2] if grows else 0  # what windows have dropped
        x = x[:, :, : capacity - before]
        after = capacity - before - shape_of(x)[2]
        return tf.pad(x, [[0, 0], [0, 0], [before, after], [0, 0]])

    if any(state.spec.kind == "kv" and not state.filled for state in cache._states()):
        refuse_empty()
    result = _changed(cache, fit)
    result.capacity, result.length = capacity, tf.convert_to_tensor(cache.length)
    return result


def expanded(cache: Cache, count: int) -> Cache:
    """Every batch row `count` times in a row."""
    return _changed(cache, lambda _, x: tf.repeat(x, count, axis=0))


def selected(cache: Cache, index: tf.Tensor) -> Cache:
    """The batch rows at `index`, int [b']."""
    return _changed(cache, lambda _, x: tf.gather(x, index, axis=0))


def with_length(cache: Cache, length: Size) -> Cache:
    """The first `length` tokens of a cache that has no fewer.

    In a cache of fixed size `length` may be traced, if all layers keep all tokens.
    """
    wanted, present = _known(length), _known(cache.length)
    if wanted is not None and present is not None:
        check_length(wanted, present)
        return cache.copy().crop(wanted)
    rings = (isinstance(state, RingState) and state.is_ring for state in cache._states())
    if any(rings) or any(state.spec.kind == "tensor" for state in cache._states()):
        refuse_crop()
    result = cache.copy()
    result.length = tf.cast(length, tf.int32)
    return result


def _known(length: Size) -> int | None:
    """A length as an int; None in a graph, which does not know it."""
    return int(length) if not tf.is_tensor(length) or hasattr(length, "numpy") else None


def _changed(cache: Cache, change: Callable[[KeyValueState, tf.Tensor], tf.Tensor]) -> Cache:
    result = cache.copy()
    for state in result._states():
        state.pair = tuple(change(state, x) for x in state.pair)
    return result
