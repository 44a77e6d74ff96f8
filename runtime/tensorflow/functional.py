"""Small functions that generated code calls where TensorFlow has no one-liner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InputError
from ..resize import resize_matrix

Size = int | tf.Tensor


def shape_of(x: tf.Tensor) -> list[Size]:
    """The shape: an int where it is known, else a scalar tensor."""
    static = x.shape.as_list()
    if None not in static:
        return static
    dynamic = tf.shape(x)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(static)]


def integers(x: Any) -> tf.Tensor:
    """Whole numbers or booleans, as an int32 tensor."""
    return tf.cast(tf.convert_to_tensor(x), tf.int32)


def one_of(*, unless: Any = None, **inputs: Any) -> None:
    """Raises InputError unless exactly one of the inputs is given.

    None of them need be where `unless` is given.
    """
    given = [name for name, value in inputs.items() if value is not None]
    if len(given) > 1 or (not given and unless is None):
        raise InputError(
            expected=f"exactly one of {', '.join(inputs)}", found=" and ".join(given) or "none"
        )


def take(x: tf.Tensor, index: tf.Tensor, axis: int = 0) -> tf.Tensor:
    """Slices of `x` along `axis`, whose place in the shape the axes of `index` take."""
    return tf.gather(x, index, axis=axis)


def take_along(x: tf.Tensor, index: tf.Tensor, axis: int) -> tf.Tensor:
    """Entries of `x` along `axis`: y[.., i, ..] = x[.., index[.., i, ..], ..].

    `index` has as many axes as `x`; other axes may be 1 in either.
    """
    rank = x.shape.rank
    axis %= rank
    sizes, index_sizes = shape_of(x), shape_of(index)
    pairs = zip(sizes, index_sizes, strict=True)
    common = [a if isinstance(b, int) and b == 1 else b for a, b in pairs]
    x = tf.broadcast_to(x, [*common[:axis], sizes[axis], *common[axis + 1 :]])
    index = tf.broadcast_to(index, [*common[:axis], index_sizes[axis], *common[axis + 1 :]])
    if axis == rank - 1:
        return tf.gather(x, index, axis=axis, batch_dims=axis)
    order = [a for a in range(rank) if a != axis] + [axis]
    last = tf.gather(
        tf.transpose(x, order), tf.transpose(index, order), axis=rank - 1, batch_dims=rank - 1
    )
    return tf.transpose(last, np.argsort(order))


def select_rows(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """One row per batch entry, x[i, index[i]]: [b, s, ...], int[b] -> [b, ...]."""
    return tf.gather(x, index, axis=1, batch_dims=1)


def pad(
    x: tf.Tensor,
    after: Sequence[Size],
    before: Sequence[Size] | None = None,
    mode: str = "constant",
) -> tf.Tensor:
    """Zeros behind (and before) the entries of each axis; a negative count cuts.

    `mode`: or, along the last axis, mirrored entries ("reflect"), the outermost ones again
    ("replicate") or those of the other end ("circular").
    """
    before = [0] * len(after) if before is None else before
    if mode in ("constant", "reflect"):
        pairs = list(zip(before, after, strict=True))
        if any(_is_negative(size) for pair in pairs for size in pair):
            cuts = [[-size if _is_negative(size) else None for size in pair] for pair in pairs]
            x = x[tuple(slice(start, end and -end) for start, end in cuts)]
            pairs = [[0 if _is_negative(size) else size for size in pair] for pair in pairs]
        return tf.pad(x, [list(pair) for pair in pairs], mode)
    length = shape_of(x)[-1]
    places = tf.range(-before[-1], length + after[-1])
    wrapped = places % length if mode == "circular" else tf.clip_by_value(places, 0, length - 1)
    return tf.gather(x, wrapped, axis=-1)


def _is_negative(size: Size) -> bool:
    return isinstance(size, int) and size < 0


def l2_normalize(x: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """x / |x| along an axis."""
    return x / tf.norm(x, axis=axis, keepdims=True)


def standardize(x: tf.Tensor, eps: float = 1e-5) -> tf.Tensor:
    """Mean 0 and variance 1 along the last axis, computed in float32 at least."""
    wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    centred = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    return tf.cast(centred * tf.math.rsqrt(variance + eps), x.dtype)


def einsum(pattern: str, *operands: tf.Tensor) -> tf.Tensor:
    """Sum of products over the axes that the right side of the pattern lacks."""
    return tf.einsum(pattern.replace(" ", ""), *operands)


def interpolate(
    x: tf.Tensor, size: Sequence[int], mode: str = "bilinear", align_corners: bool = False
) -> tf.Tensor:
    """Resizes [b, c, h, w] to [b, c, *size]: two matrix products, the same in all frameworks."""
    dtype, x = x.dtype, tf.cast(x, tf.float32)
    for axis, new in ((2, int(size[0])), (3, int(size[1]))):
        old = x.shape[axis]
        if old is None:
            raise InputError("interpolate needs a known height and width when it is traced")
        if old != new:
            matrix = tf.constant(resize_matrix(old, new, mode, align_corners))
            x = tf.einsum("ih,bchw->bciw" if axis == 2 else "iw,bchw->bchi", matrix, x)
    return tf.cast(x, dtype)


def bounded(x: tf.Tensor, bound: int) -> int:
    """A whole number as a size; in graphs, which must know it, the bound."""
    return min(int(x), bound) if tf.executing_eagerly() else bound


def static_size(x: tf.Tensor) -> int:
    """A whole number as a size; an InputError in compiled programs, which do not know it."""
    if not tf.executing_eagerly():
        hint = "Give the model a bound for it, where it takes one"
        raise InputError("compiled programs have no sizes that depend on values", hint=hint)
    return int(x)
