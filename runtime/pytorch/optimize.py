"""Models made fast for inference on a CPU."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from ..errors import InputError

Model = TypeVar("Model", bound=nn.Module)


def optimize(model: Model) -> Model:
    """Makes a model fast on a CPU, for inference alone, in place; the same model.

    Its linear layers of float32 hold their weights reordered by oneDNN, in place of the
    parameters; a head tied to a table of tokens gets a copy of it. Values are the same up to
    rounding. The model can be called, saved, copied and moved as before (elsewhere and in other
    dtypes without the reordering), but it has no gradients.
    """
    if not torch.backends.mkldnn.is_available():
        raise InputError("optimize", expected="a PyTorch with oneDNN", found="one without it")
    from .packed_linear import PackedLinear, is_reorderable  # which need oneDNN

    model.eval().requires_grad_(False)
    packed: dict[nn.Module, PackedLinear] = {}  # a layer may stand at several places
    for parent in list(model.modules()):
        for name, child in parent._modules.items():
            if type(child) is nn.Linear and is_reorderable(child.weight):
                packed[child] = packed.get(child) or PackedLinear(child)
                setattr(parent, name, packed[child])
    return model
