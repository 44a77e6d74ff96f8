"""Batch norms that stay as they are, for networks that are trained on few pictures at a time."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """A batch norm that neither learns nor looks at the batch, in training either.

    x [b, c, h, w]; its four tensors are saved and not trained.
    """

    def __init__(self, norm: nn.BatchNorm2d):
        super().__init__(norm.num_features, norm.eps, affine=False, track_running_stats=False)
        for name in ("weight", "bias", "running_mean", "running_var"):
            if name in self._parameters:
                del self._parameters[name]
            self._buffers.pop(name, None)
            self.register_buffer(name, getattr(norm, name).detach())
        self._buffers.pop("num_batches_tracked", None)

    def forward(self, x: Tensor) -> Tensor:
        """The same for each entry of a channel."""
        mean, variance, weight, bias = self.running_mean, self.running_var, self.weight, self.bias
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, self.eps)


def freeze_norms(model: nn.Module) -> nn.Module:
    """The model itself, with every batch norm in it frozen."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d) and not isinstance(child, FrozenBatchNorm2d):
                setattr(parent, name, FrozenBatchNorm2d(child))
    return model
