"""The array operations of decoding, in JAX.

The modules of this name have the same functions in all frameworks. `like` is an array whose device
new ones share, which JAX sees to itself; positions may be Python integers or scalars, and are
clamped to the buffer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

int_ = jnp.int32
float32 = jnp.float32
bool_ = jnp.bool_

exp = jnp.exp
expm1 = jnp.expm1
log = jnp.log
sqrt = jnp.sqrt
abs_ = jnp.abs
is_nan = jnp.isnan
is_inf = jnp.isinf
is_finite = jnp.isfinite
minimum = jnp.minimum
maximum = jnp.maximum
where = jnp.where


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
    """state = body(state) as long as cond(state) holds; the state is any nested structure.

    Shapes and dtypes stay the same. Axes of one entry do not go round: XLA computes without them,
    and would copy whole caches in each step to put them back.
    """
    leaves, structure = jax.tree.flatten(state)
    shapes = [jnp.shape(leaf) for leaf in leaves]

    def bare(state: Any) -> list[Array]:
        return [jnp.squeeze(leaf) for leaf in structure.flatten_up_to(state)]

    def whole(leaves: list[Array]) -> Any:
        pairs = zip(leaves, shapes, strict=True)
        return structure.unflatten([leaf.reshape(shape) for leaf, shape in pairs])

    last = lax.while_loop(
        lambda now: cond(whole(now)), lambda now: bare(body(whole(now))), bare(state)
    )
    return whole(last)


def array(x: Any, dtype: Any = None, like: Array | None = None) -> Array:
    """An array; integers become `int_` and numbers float32 where no dtype is given."""
    x = x if isinstance(x, Array) else np.asarray(x)
    if dtype is None and x.dtype != bool_:
        dtype = float32 if jnp.issubdtype(x.dtype, jnp.floating) else int_
    return jnp.asarray(x, dtype)


def shape(x: Array) -> tuple[int, ...]:
    return x.shape


def arange(n: int, like: Array | None = None) -> Array:
    return jnp.arange(n, dtype=int_)


def full(shape: Sequence[int], value: Any, dtype: Any, like: Array | None = None) -> Array:
    return jnp.full(shape, value, dtype)


def cast(x: Any, dtype: Any) -> Array:
    """x, which may be a Python number, in that dtype."""
    return jnp.asarray(x, dtype)


def reshape(x: Array, shape: Sequence[int]) -> Array:
    return jnp.reshape(x, shape)


def concat(arrays: Sequence[Array], axis: int) -> Array:
    return jnp.concatenate(arrays, axis)


def stack(arrays: Sequence[Array], axis: int) -> Array:
    return jnp.stack(arrays, axis)


def repeat_rows(x: Array, k: int) -> Array:
    """Every row k times in a row: [b, ...] to [b * k, ...]."""
    return x if k == 1 else jnp.repeat(x, k, axis=0)


def take_rows(x: Array, index: Array) -> Array:
    return jnp.take(x, index, axis=0, mode="clip")


def take_columns(x: Array, index: Array) -> Array:
    """x[:, index]."""
    return jnp.take(x, index, axis=1, mode="clip")


def take_along(x: Array, index: Array, axis: int) -> Array:
    """Entries at `index` along an axis; its other axes are those of x, the later ones maybe 1."""
    return jnp.take_along_axis(x, index, axis, mode="clip")


def top_k(x: Array, k: int) -> tuple[Array, Array]:
    """The k largest of the last axis, descending; of equal ones the first come first."""
    # If these were sliced, XLA would sort the whole axis instead.
    values, index = lax.optimization_barrier(lax.top_k(x, k))
    return values, index


def sort_descending(x: Array) -> tuple[Array, Array]:
    """Values and indices of the last axis; equal ones keep their order."""
    index = jnp.argsort(x, axis=-1, stable=True, descending=True).astype(int_)
    return take_along(x, index, -1), index


def argmax(x: Array) -> Array:
    """Of the last axis; of equal ones the first."""
    return lax.argmax(x, x.ndim - 1, int_)


def reverse(x: Array) -> Array:
    """The last axis from its end on."""
    return x[..., ::-1]


def cumsum(x: Array, axis: int) -> Array:
    return jnp.cumsum(x, axis)


def softmax(x: Array) -> Array:
    return jax.nn.softmax(x, axis=-1)


def log_softmax(x: Array) -> Array:
    return jax.nn.log_softmax(x, axis=-1)


def logsumexp(x: Array) -> Array:
    """Over the last axis, which stays with size 1."""
    return jax.nn.logsumexp(x, axis=-1, keepdims=True)


def products(a: Array, b: Array) -> Array:
    """Scalar products of all vectors [b, m, h] with all [b, n, h]: [b, m, n]."""
    return a @ jnp.swapaxes(b, -1, -2)


def any_(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    return jnp.any(x, axis, keepdims=keepdims)


def all_(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    return jnp.all(x, axis, keepdims=keepdims)


def sum_(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Of booleans: how many hold."""
    return jnp.sum(x, axis, keepdims=keepdims)


def max_(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    return jnp.max(x, axis, keepdims=keepdims)


def min_(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    return jnp.min(x, axis, keepdims=keepdims)


def mean_(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    return jnp.mean(x, axis, keepdims=keepdims)


def column(ids: Array, position: Any) -> Array:
    """ids [b, c, ...] at one position of the second axis."""
    return columns(ids, position, 1)[:, 0]


def columns(ids: Array, start: Any, count: int) -> Array:
    """`count` positions of the second axis, from one that leaves room for them."""
    start = jnp.maximum(start, 0)  # negative ones would count from the end
    return lax.dynamic_slice_in_dim(ids, start, count, axis=1)


def set_column(ids: Array, position: Any, values: Array) -> Array:
    """A copy of ids [b, c, ...] with `values` [b, ...] at a position."""
    values = values.astype(ids.dtype)[:, None]
    return lax.dynamic_update_slice_in_dim(ids, values, jnp.maximum(position, 0), axis=1)


def scatter_any(index: Array, valid: Any, size: int) -> Array:
    """bool [b, size]: where some valid index [b, m] points; those outside are ignored.

    `index` and `valid` are broadcast.
    """
    index = jnp.where((index >= 0) & valid, index, size)
    rows = jnp.arange(index.shape[0])[:, None]
    return jnp.zeros((index.shape[0], size), bool_).at[rows, index].set(True, mode="drop")


def scatter_add(index: Array, values: Array, size: int) -> Array:
    """[b, size]: the sum of those values [b, m] whose index is this one, 0 elsewhere."""
    index = jnp.where(index >= 0, index, size)
    rows = jnp.arange(index.shape[0])[:, None]
    sums = jnp.zeros((index.shape[0], size), values.dtype)
    return sums.at[rows, index].add(values, mode="drop")


def make_key(seed: int | None, like: Array | None = None) -> Array:
    """A source of random numbers; without seed one that nobody can foresee."""
    return jax.random.key(secrets.randbits(32) if seed is None else seed)


def split_key(key: Array) -> tuple[Array, Array]:
    """Two independent sources."""
    first, second = jax.random.split(key)
    return first, second


def gumbel(key: Array, like: Array) -> Array:
    """Gumbel noise of that shape."""
    return jax.random.gumbel(key, like.shape, like.dtype)


def normal(key: Array, like: Array) -> Array:
    """Standard normal numbers of that shape."""
    return jax.random.normal(key, like.shape, like.dtype)


def gamma(key: Array, concentration: Array) -> Array:
    """Gamma variables of rate 1."""
    return jax.random.gamma(key, concentration, dtype=concentration.dtype)


def poisson(key: Array, rate: Array) -> Array:
    """Counts, as numbers of the rates' type."""
    return jax.random.poisson(key, rate).astype(rate.dtype)


def categorical(key: Array, log_weights: Array) -> Array:
    """One draw per row of [b, n]: int [b]. Weights need not sum to 1."""
    return argmax(log_weights + gumbel(key, log_weights))


def sample_without_replacement(key: Array, log_weights: Array, k: int) -> Array:
    """k different draws per row of [b, n], in the order drawn: int [b, k]."""
    return top_k(log_weights + gumbel(key, log_weights), k)[1]


def call_user(function: Callable, ids: Array, length: Any, scores: Array) -> Array:
    """A caller's own rule, which gets the buffer, the scores and how many tokens are in it."""
    return function(ids, scores, length)


def item(x: Any) -> Any:
    """A Python number from a scalar."""
    return np.asarray(x).item()


def to_numpy(x: Array) -> np.ndarray:
    return np.asarray(x)
