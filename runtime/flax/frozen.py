"""Batch norms that stay as they are, for networks that are trained on few pictures at a time."""

from __future__ import annotations

import jax
from flax import nnx
from jax import lax

from .base import Buffer, at_least_float32, value
from .batch_norm import BatchNorm


class FrozenBatchNorm(BatchNorm):
    """A batch norm that neither learns nor looks at the batch, in training either.

    x [b, c, ...]; its four tensors are saved and not trained.
    """

    def __call__(self, x: jax.Array) -> jax.Array:
        """The same for each entry of a channel."""
        wide = at_least_float32(x)
        weight, bias, mean, variance = (
            value(leaf).astype(wide.dtype).reshape((1, -1) + (1,) * (wide.ndim - 2))
            for leaf in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        y = (wide - mean) * (weight * lax.rsqrt(variance + self.eps)) + bias
        return y.astype(self.weight.compute_dtype)


def freeze_norms(model: nnx.Module) -> nnx.Module:
    """The model itself, with every batch norm in it frozen."""
    for _, layer in list(nnx.iter_modules(model)):
        if type(layer) is BatchNorm:
            layer.__class__ = FrozenBatchNorm
            del layer.num_batches_tracked
            for name in ("weight", "bias"):
                leaf = getattr(layer, name)
                setattr(layer, name, Buffer.from_metadata(leaf.get_value(), leaf.get_metadata()))
    return model
