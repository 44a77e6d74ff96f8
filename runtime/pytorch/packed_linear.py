"""Linear layers whose weights lie in the order in which a processor's products read them.

Reordered once, by oneDNN, a weight [out, in] is multiplied with few rows at about twice the speed.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError

_reorder = torch.ops.mkldnn._reorder_linear_weight.default
_product = torch.ops.mkldnn._linear_pointwise.default

# Compiled code cannot hold reordered tensors: there an operator finds the layer by its number.
_LAYERS: weakref.WeakValueDictionary[int, PackedLinear] = weakref.WeakValueDictionary()
_NUMBERS = itertools.count()
_OPERATORS = torch.library.Library("triptych", "DEF")
_OPERATORS.define("packed_linear(Tensor x, Tensor? bias, int layer, int out_features) -> Tensor")
_OPERATORS.impl(
    "packed_linear",
    lambda x, bias, layer, _: _product(x, _LAYERS[layer].packed, bias, "none", [], ""),
    "CPU",
)
_OPERATORS.impl(
    "packed_linear",
    lambda x, _bias, _layer, out_features: x.new_empty((*x.shape[:-1], out_features)),
    "Meta",
)


def is_reorderable(weight: Tensor) -> bool:
    """Whether oneDNN reorders weights of its place and type."""
    return weight.device.type == "cpu" and weight.dtype == torch.float32


class PackedLinear(nn.Module):
    """What a linear layer computes, [..., in] -> [..., out], from a reordered weight."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.tied = getattr(layer, "tied", ())
        self.bias = layer.bias
        self._hold(layer.weight.detach())
        self.eval()

    def _hold(self, weight: Tensor) -> None:
        # An attribute and no buffer: nothing else can work with a tensor of that layout.
        self.reordered = is_reorderable(weight)
        self.packed = _reorder(weight, None) if self.reordered else weight
        self.number = next(_NUMBERS)
        _LAYERS[self.number] = self

    @property
    def weight(self) -> Tensor:
        """The weight [out, in]; a copy, if it is reordered."""
        return self.packed.to_dense() if self.reordered else self.packed

    def forward(self, x: Tensor) -> Tensor:
        if not self.reordered:
            return F.linear(x, self.packed, self.bias)
        if torch.compiler.is_compiling():
            return torch.ops.triptych.packed_linear(x, self.bias, self.number, self.out_features)
        if x.requires_grad and torch.is_grad_enabled():
            raise InputError("an optimized model has no gradients", hint="Use torch.no_grad()")
        return _product(x, self.packed, self.bias, "none", [], "")

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"

    def stored_tensors(self) -> dict[str, Tensor]:
        """What checkpoints hold beside the bias."""
        return {} if "weight" in self.tied else {"weight": self.weight}

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> PackedLinear:
        self._hold(change(self.weight))
        return super()._apply(change, recurse)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.weight

    def _load_from_state_dict(self, state: dict, prefix: str, *rest: Any) -> None:
        weight = state.pop(f"{prefix}weight", None)
        if weight is not None:
            if weight.shape != (self.out_features, self.in_features):
                expected = f"[{self.out_features}, {self.in_features}]"
                found = str(list(weight.shape))
                raise InputError(key=f"{prefix}weight", expected=expected, found=found)
            self._hold(weight.to(self.weight))
        super()._load_from_state_dict(state, prefix, *rest)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "packed": self.weight}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._hold(self.packed)
