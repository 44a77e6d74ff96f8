"""Small functions that generated code calls where JAX has no one-liner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from .cache import Cache


def is_traced(x: Any) -> bool:
    """Whether the values of x are not known yet."""
    return isinstance(x, jax.core.Tracer)


def integers(x: Any) -> jax.Array:
    """Whole numbers or booleans, as an int32 array."""
    x = x if isinstance(x, jax.Array) else np.asarray(x)
    if not (jnp.issubdtype(x.dtype, jnp.integer) or x.dtype == bool):
        raise InputError(expected="whole numbers", found=f"an array of {x.dtype}")
    return jnp.asarray(x).astype(jnp.int32)


def check_range(ids: Any, size: int, what: str = "the index") -> jax.Array:
    """int32 `ids`; an InputError unless all are in [0, size). Traced values cannot be checked."""
    ids = integers(ids)
    if not is_traced(ids) and ids.size:
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= size:
            raise InputError(
                f"{what} are out of range",
                expected=f"0 to {size - 1}",
                found=str(low if low < 0 else high),
            )
    return ids


def shape_of(x: jax.Array) -> tuple[int, ...]:
    """The shape; always known here."""
    return x.shape


def one_of(*, unless: Any = None, **inputs: Any) -> None:
    """Raises InputError unless exactly one of the inputs is given.

    None of them need be where `unless` is given.
    """
    given = [name for name, value in inputs.items() if value is not None]
    if len(given) > 1 or (not given and unless is None):
        raise InputError(
            expected=f"exactly one of {', '.join(inputs)}", found=" and ".join(given) or "none"
        )


def new_positions(count: int, past: Cache | None = None) -> jax.Array:
    """Positions of `count` new tokens, which follow those in the cache: int32[1, count]."""
    start = 0 if past is None else past.length
    return (start + jnp.arange(count, dtype=jnp.int32))[None, :]


def take(x: jax.Array, index: jax.Array, axis: int = 0) -> jax.Array:
    """Slices of `x` along `axis`, whose place in the shape the axes of `index` take."""
    x = jnp.asarray(x)
    return jnp.take(x, check_range(index, x.shape[axis]), axis=axis, mode="clip")


def take_along(x: jax.Array, index: jax.Array, axis: int) -> jax.Array:
    """Entries of `x` along `axis`: y[.., i, ..] = x[.., index[.., i, ..], ..].

    `index` has as many axes as `x`; other axes may be 1 in either.
    """
    x = jnp.asarray(x)
    index = check_range(index, x.shape[axis])
    return jnp.take_along_axis(x, index, axis=axis, mode="clip")


def select_rows(x: jax.Array, index: jax.Array) -> jax.Array:
    """One row per batch entry, x[i, index[i]]: [b, s, ...], int[b] -> [b, ...]."""
    x = jnp.asarray(x)
    index = jnp.clip(check_range(index, x.shape[1]), 0, x.shape[1] - 1)
    return x[jnp.arange(x.shape[0]), index]


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    x: jax.Array,
    after: Sequence[int],
    before: Sequence[int] | None = None,
    mode: str = "constant",
) -> jax.Array:
    """Zeros behind (and before) the entries of each axis; a negative count cuts.

    `mode`: or mirrored entries ("reflect"), the outermost ones again ("replicate") or those of the
    other end ("circular").
    """
    before = [0] * len(after) if before is None else before
    pairs = list(zip(before, after, strict=True))
    if mode == "constant":
        return jax.lax.pad(x, jnp.zeros((), x.dtype), [(b, a, 0) for b, a in pairs])
    return jnp.pad(x, pairs, MODES[mode])


def split_sizes(x: jax.Array, sizes: Sequence[int], axis: int = -1) -> list[jax.Array]:
    """Parts of these sizes along one axis."""
    ends = list(itertools.accumulate(sizes))
    return jnp.split(x, ends[:-1], axis=axis)


def l2_normalize(x: jax.Array, axis: int = -1) -> jax.Array:
    """x / |x| along an axis."""
    return x / jnp.linalg.norm(x, axis=axis, keepdims=True)


def standardize(x: jax.Array, eps: float = 1e-5) -> jax.Array:
    """Mean 0 and variance 1 along the last axis, computed in float32 at least."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return (centred * jax.lax.rsqrt(variance + eps)).astype(x.dtype)


def einsum(pattern: str, *operands: jax.Array) -> jax.Array:
    """Sum of products over the axes that the right side of the pattern lacks."""
    return jnp.einsum(pattern.replace(" ", ""), *operands)


def interpolate(
    x: jax.Array, size: Sequence[int], mode: str = "bilinear", align_corners: bool = False
) -> jax.Array:
    """Resizes [b, c, h, w] to [b, c, *size]: two matrix products, the same in all frameworks."""
    from ..resize import resize_matrix

    x = jnp.asarray(x)
    for axis, new in ((2, int(size[0])), (3, int(size[1]))):
        old = x.shape[axis]
        if old != new:
            matrix = jnp.asarray(resize_matrix(old, new, mode, align_corners), jnp.float32)
            pattern = "ih,bchw->bciw" if axis == 2 else "iw,bchw->bchi"
            x = jnp.einsum(pattern, matrix, x.astype(jnp.float32)).astype(x.dtype)
    return x


def bounded(x: jax.Array, bound: int) -> int:
    """A whole number as a size; under a transformation, which must know it, the bound."""
    return bound if is_traced(x) else min(int(x), bound)


def static_size(x: jax.Array) -> int:
    """A whole number as a size; an InputError in compiled programs, which do not know it."""
    if is_traced(x):
        hint = "Give the model a bound for it, where it takes one"
        raise InputError("compiled programs have no sizes that depend on values", hint=hint)
    return int(x)
