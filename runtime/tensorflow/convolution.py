"""Convolutions with a gradient on every device.

TensorFlow's CPU kernels lack the gradients of grouped and of dilated convolutions. A group is a
convolution of its own, unless it is a single channel; the gradient of a dilated one is that of a
larger kernel full of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

Pair = tuple[int, int]


def convolve(
    x: tf.Tensor,
    kernel: tf.Tensor,
    strides: Pair,
    padding: tuple[Pair, Pair],
    dilations: Pair = (1, 1),
    groups: int = 1,
) -> tf.Tensor:
    """x [b, h, w, c] and kernel [kh, kw, c / groups, out] -> [b, h', w', out].

    `padding`: zeros before and behind the rows, and the columns.
    """
    margins = [[0, 0], list(padding[0]), list(padding[1]), [0, 0]]
    if groups == 1:
        return _convolve(x, kernel, strides, margins, dilations)
    if kernel.shape[2] == 1:
        return _depthwise(x, kernel, strides, margins, dilations)
    inputs = tf.split(x, groups, axis=-1)
    kernels = tf.split(kernel, groups, axis=-1)
    parts = (
        _convolve(*pair, strides, margins, dilations) for pair in zip(inputs, kernels, strict=True)
    )
    return tf.concat(list(parts), axis=-1)


def _depthwise(
    x: tf.Tensor, kernel: tf.Tensor, strides: Pair, margins: list[list[int]], dilations: Pair
) -> tf.Tensor:
    """Each channel by itself; the kernel is [kh, kw, 1, out], several outputs a channel in a row.

    A dilated kernel is spread out, and computed on as a larger one.
    """
    if dilations != (1, 1):
        kernel = spread(kernel, dilations)
    height, width, _, out = kernel.shape
    channels = x.shape[-1]
    kernel = tf.reshape(kernel, (height, width, channels, out // channels))
    x = x if margins == [[0, 0]] * 4 else tf.pad(x, margins)
    # one stride for both axes is all that there are kernels for
    stride = strides[0] if strides[0] == strides[1] else 1
    y = tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "VALID")
    return y if strides[0] == strides[1] else y[:, :: strides[0], :: strides[1]]


def _convolve(
    x: tf.Tensor, kernel: tf.Tensor, strides: Pair, margins: list[list[int]], dilations: Pair
) -> tf.Tensor:
    if dilations == (1, 1):
        return tf.nn.conv2d(x, kernel, strides, margins)

    @tf.custom_gradient
    def dilated(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            options = {
                "out_backprop": upstream,
                "strides": [1, *strides, 1],
                "padding": "EXPLICIT",
                "explicit_paddings": sum(margins, []),
            }
            large = spread(kernel, dilations)
            to_x = tf.raw_ops.Conv2DBackpropInput(input_sizes=tf.shape(x), filter=large, **options)
            to_large = tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=tf.shape(large), **options
            )
            return to_x, to_large[:: dilations[0], :: dilations[1]]

        return tf.nn.conv2d(x, kernel, strides, margins, dilations=dilations), gradient

    return dilated(x, kernel)


def spread(kernel: tf.Tensor, dilations: Sequence[int]) -> tf.Tensor:
    """The kernel [kh, kw, c, out] with zeros between its entries, so that it need not dilate."""
    rows, columns = dilations
    height, width, *channels = kernel.shape
    apart = tf.reshape(kernel, (height, 1, width, 1, *channels))
    zeros = [[0, 0], [0, rows - 1], [0, 0], [0, columns - 1], [0, 0], [0, 0]]
    grid = tf.reshape(tf.pad(apart, zeros), (height * rows, width * columns, *channels))
    return grid[: (height - 1) * rows + 1, : (width - 1) * columns + 1]
