"""Batch norms that stay as they are, for networks that are trained on few pictures at a time."""

from __future__ import annotations

import keras
import tensorflow as tf

from .batch_norm import BatchNorm


class FrozenBatchNorm(BatchNorm):
    """A batch norm that neither learns nor looks at the batch, in training either.

    x [b, c, ...]; its four tensors are saved and not trained.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The same for each entry of a channel."""
        wide = x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)
        weight, bias, mean, variance = (
            tf.reshape(tf.cast(leaf, wide.dtype), (1, -1) + (1,) * (x.shape.rank - 2))
            for leaf in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = weight * tf.math.rsqrt(variance + self.eps)
        return tf.cast((wide - mean) * scale + bias, x.dtype)


def freeze_norms(model: keras.Model) -> keras.Model:
    """The model itself, with every batch norm in it frozen."""
    for layer in model._flatten_layers():
        if type(layer) is BatchNorm:
            layer.__class__ = FrozenBatchNorm
            del layer.num_batches_tracked
            for leaf in (layer.weight, layer.bias):
                leaf.trainable, leaf.is_buffer = False, True
    return model
