"""The array operations of decoding, in TensorFlow: eagerly, in graphs and under XLA.

The modules of this name have the same functions in all frameworks. `like` is an array whose device
new ones share, which TensorFlow sees to itself; positions may be Python integers or scalars, and
are clamped to the buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

int_ = tf.int32
float32 = tf.float32
bool_ = tf.bool

exp = tf.exp
expm1 = tf.math.expm1
log = tf.math.log
sqrt = tf.sqrt
abs_ = tf.abs
is_nan = tf.math.is_nan
is_inf = tf.math.is_inf
is_finite = tf.math.is_finite
minimum = tf.minimum
maximum = tf.maximum
where = tf.where


def array(x: Any, dtype: tf.DType | None = None, like: tf.Tensor | None = None) -> tf.Tensor:
    """An array; integers become `int_` and numbers float32 where no dtype is given."""
    x = tf.convert_to_tensor(x)
    if dtype is None and x.dtype != bool_:
        dtype = float32 if x.dtype.is_floating else int_
    return x if dtype is None else tf.cast(x, dtype)


def shape(x: tf.Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def arange(n: int, like: tf.Tensor | None = None) -> tf.Tensor:
    return tf.range(n)


def full(
    shape: Sequence[int], value: Any, dtype: tf.DType, like: tf.Tensor | None = None
) -> tf.Tensor:
    return tf.fill(tuple(shape), tf.cast(value, dtype))


def cast(x: Any, dtype: tf.DType) -> tf.Tensor:
    """x, which may be a Python number, in that dtype."""
    return tf.cast(x, dtype)


def reshape(x: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    return tf.reshape(x, shape)


def concat(arrays: Sequence[tf.Tensor], axis: int) -> tf.Tensor:
    return tf.concat(list(arrays), axis=axis)


def stack(arrays: Sequence[tf.Tensor], axis: int) -> tf.Tensor:
    return tf.stack(list(arrays), axis=axis)


def repeat_rows(x: tf.Tensor, k: int) -> tf.Tensor:
    """Every row k times in a row: [b, ...] to [b * k, ...]."""
    return x if k == 1 else tf.repeat(x, k, axis=0)


def take_rows(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    return tf.gather(x, index, axis=0)


def take_columns(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """x[:, index]."""
    return tf.gather(x, index, axis=1)


def take_along(x: tf.Tensor, index: tf.Tensor, axis: int) -> tf.Tensor:
    """Entries at `index` along an axis; its other axes are those of x, the later ones maybe 1."""
    axis %= x.shape.rank
    later = tuple(index.shape[axis + 1 :])
    if all(size == 1 for size in later):  # whole slices of x; or the axis is the last
        index = tf.reshape(index, index.shape[: axis + 1])
        return tf.gather(x, index, axis=axis, batch_dims=axis)
    order = [i for i in range(x.shape.rank) if i != axis] + [axis]
    back = [order.index(i) for i in range(x.shape.rank)]
    x, index = tf.transpose(x, order), tf.transpose(index, order)
    return tf.transpose(tf.gather(x, index, batch_dims=len(order) - 1), back)


def top_k(x: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The k largest of the last axis, descending; of equal ones the first come first."""
    # Of these, XLA would make a sort of the whole axis if one were sliced; a minimum it leaves be.
    index = tf.minimum(tf.math.top_k(x, k)[1], x.shape[-1] - 1)
    return tf.gather(x, index, batch_dims=x.shape.rank - 1), index


def sort_descending(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Values and indices of the last axis; equal ones keep their order."""
    values, index = tf.math.top_k(x, x.shape[-1])
    return values, index


def argmax(x: tf.Tensor) -> tf.Tensor:
    """Of the last axis; of equal ones the first."""
    return tf.argmax(x, axis=-1, output_type=int_)


def reverse(x: tf.Tensor) -> tf.Tensor:
    """The last axis from its end on."""
    return tf.reverse(x, [-1])


def cumsum(x: tf.Tensor, axis: int) -> tf.Tensor:
    return tf.cumsum(_numbers(x), axis=axis)


def softmax(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax(x, axis=-1)


def log_softmax(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.log_softmax(x, axis=-1)


def logsumexp(x: tf.Tensor) -> tf.Tensor:
    """Over the last axis, which stays with size 1."""
    return tf.reduce_logsumexp(x, axis=-1, keepdims=True)


def products(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Scalar products of all vectors [b, m, h] with all [b, n, h]: [b, m, n]."""
    return tf.matmul(a, b, transpose_b=True)


def any_(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_any(x, axis=axis, keepdims=keepdims)


def all_(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_all(x, axis=axis, keepdims=keepdims)


def sum_(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    """Of booleans: how many hold."""
    return tf.reduce_sum(_numbers(x), axis=axis, keepdims=keepdims)


def max_(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_max(x, axis=axis, keepdims=keepdims)


def min_(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_min(x, axis=axis, keepdims=keepdims)


def mean_(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_mean(x, axis=axis, keepdims=keepdims)


def _numbers(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, int_) if x.dtype == bool_ else x


def column(ids: tf.Tensor, position: Any) -> tf.Tensor:
    """ids [b, c, ...] at one position of the second axis."""
    return columns(ids, position, 1)[:, 0]


def columns(ids: tf.Tensor, start: Any, count: int) -> tf.Tensor:
    """`count` positions of the second axis, from one that leaves room for them."""
    start = tf.clip_by_value(start, 0, ids.shape[1] - count)
    return tf.gather(ids, start + tf.range(count), axis=1)


def set_column(ids: tf.Tensor, position: Any, values: tf.Tensor) -> tf.Tensor:
    """A copy of ids [b, c, ...] with `values` [b, ...] at a position."""
    size = ids.shape[1]
    here = tf.equal(tf.range(size), tf.clip_by_value(position, 0, size - 1))
    here = tf.reshape(here, (size,) + (1,) * (ids.shape.rank - 2))
    return tf.where(here, tf.cast(values, ids.dtype)[:, None], ids)


def scatter_any(index: tf.Tensor, valid: Any, size: int) -> tf.Tensor:
    """bool [b, size]: where some valid index [b, m] points; those outside are ignored.

    `index` and `valid` are broadcast.
    """
    index = tf.where(valid, index, size)
    return scatter_add(index, tf.ones_like(index), size) > 0


def scatter_add(index: tf.Tensor, values: tf.Tensor, size: int) -> tf.Tensor:
    """[b, size]: the sum of those values [b, m] whose index is this one, 0 elsewhere."""
    rows = index.shape[0]
    index = tf.where((index >= 0) & (index < size), index, size)
    places = tf.range(rows)[:, None] * (size + 1) + index
    sums = tf.math.unsorted_segment_sum(values, places, rows * (size + 1))
    return tf.reshape(sums, (rows, size + 1))[:, :size]


def make_key(seed: int | None, like: tf.Tensor | None = None) -> tf.Tensor:
    """A source of random numbers, int32 [2]; without seed from TensorFlow's generator."""
    if seed is None:
        return tf.random.uniform((2,), maxval=int_.max, dtype=int_)
    low, high = (np.uint32(part & 0xFFFFFFFF).view(np.int32) for part in (seed, seed >> 32))
    return tf.constant([low, high], int_)


def split_key(key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two independent sources."""
    return tuple(tf.unstack(tf.random.split(key, 2)))


def gumbel(key: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Gumbel noise of that shape."""
    uniform = tf.random.stateless_uniform(like.shape, key, minval=np.finfo(np.float32).tiny)
    return -tf.math.log(-tf.math.log(uniform))


def normal(key: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Standard normal numbers of that shape."""
    return tf.random.stateless_normal(like.shape, key, dtype=like.dtype)


def gamma(key: tf.Tensor, concentration: tf.Tensor) -> tf.Tensor:
    """Gamma variables of rate 1."""
    shape, dtype = concentration.shape, concentration.dtype
    return tf.random.stateless_gamma(shape, key, alpha=concentration, dtype=dtype)


def poisson(key: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """Counts, as numbers of the rates' type."""
    return tf.random.stateless_poisson(rate.shape, key, lam=rate, dtype=rate.dtype)


def categorical(key: tf.Tensor, log_weights: tf.Tensor) -> tf.Tensor:
    """One draw per row of [b, n]: int [b]. Weights need not sum to 1."""
    return argmax(log_weights + gumbel(key, log_weights))


def sample_without_replacement(key: tf.Tensor, log_weights: tf.Tensor, k: int) -> tf.Tensor:
    """k different draws per row of [b, n], in the order drawn: int [b, k]."""
    return top_k(log_weights + gumbel(key, log_weights), k)[1]


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
    """state = body(state) as long as cond(state) holds; the state is any nested structure.

    Shapes and dtypes stay the same; caches and None may be in the state.
    """
    leaves = tf.nest.flatten(state)
    tensors = [tf.convert_to_tensor(leaf) for leaf in leaves if leaf is not None]

    def unflatten(tensors: Sequence[tf.Tensor]) -> Any:
        rest = iter(tensors)
        filled = [None if leaf is None else next(rest) for leaf in leaves]
        return tf.nest.pack_sequence_as(state, filled)

    def step(*old: tf.Tensor) -> list[tf.Tensor]:
        new = [leaf for leaf in tf.nest.flatten(body(unflatten(old))) if leaf is not None]
        pairs = zip(new, tensors, strict=True)
        return [tf.ensure_shape(tf.convert_to_tensor(x), like.shape) for x, like in pairs]

    return unflatten(tf.while_loop(lambda *now: cond(unflatten(now)), step, tensors))


def call_user(function: Callable, ids: tf.Tensor, length: Any, scores: tf.Tensor) -> tf.Tensor:
    """A caller's own rule, which gets the buffer, the scores and how many tokens are in it."""
    return function(ids, scores, length)


def item(x: Any) -> Any:
    """A Python number from a scalar."""
    return x.numpy().item() if tf.is_tensor(x) else x


def to_numpy(x: tf.Tensor) -> np.ndarray:
    return x.numpy()
