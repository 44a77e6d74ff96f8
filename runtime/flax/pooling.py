"""Pooling of pictures [b, c, h, w]."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..pooling import axes, margin_behind, mean_matrix, window_sizes
from ..sizes import pair


def max_pool2d(
    x: jax.Array,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
) -> jax.Array:
    """The largest entry of each window: [b, c, h, w] -> [b, c, h', w']; padding never counts."""
    return _reduce(jnp.asarray(x), -jnp.inf, lax.max, kernel_size, stride, padding, ceil_mode)


def avg_pool2d(
    x: jax.Array,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> jax.Array:
    """The mean of each window: [b, c, h, w] -> [b, c, h', w']; the padding counts as zeros."""
    x = jnp.asarray(x)
    total = _reduce(x.astype(jnp.float32), 0.0, lax.add, kernel_size, stride, padding, ceil_mode)
    rows, columns = (
        window_sizes(length, *axis, ceil_mode, count_include_pad)
        for length, axis in zip(x.shape[2:], axes(kernel_size, stride, padding), strict=True)
    )
    return (total / (rows[:, None] * columns)).astype(x.dtype)


def adaptive_avg_pool2d(x: jax.Array, size: int | Sequence[int]) -> jax.Array:
    """Means of size[0] x size[1] parts: [b, c, h, w] -> [b, c, *size], by two matrix products."""
    x = jnp.asarray(x)
    rows, columns = (mean_matrix(*sizes) for sizes in zip(x.shape[2:], pair(size), strict=True))
    wide = jnp.einsum("ih,bchw->bciw", rows, x.astype(jnp.float32))
    return jnp.einsum("jw,bciw->bcij", columns, wide).astype(x.dtype)


def _reduce(x, start, step, kernel_size, stride, padding, ceil_mode) -> jax.Array:
    """`step` over all entries of each window, beginning with `start`."""
    sizes = axes(kernel_size, stride, padding)
    margins = [
        (axis[2], margin_behind(length, *axis, ceil_mode))
        for length, axis in zip(x.shape[2:], sizes, strict=True)
    ]
    # what no window reaches: a negative margin would have no gradient
    height, width = (n + min(m[1], 0) for n, m in zip(x.shape[2:], margins, strict=True))
    x = x[:, :, :height, :width]
    margins = [(before, max(behind, 0)) for before, behind in margins]
    windows, strides = ((1, 1, *(axis[i] for axis in sizes)) for i in (0, 1))
    start = np.asarray(start, x.dtype)  # JAX knows the gradient where this is no traced value
    return lax.reduce_window(x, start, step, windows, strides, [(0, 0), (0, 0), *margins])
