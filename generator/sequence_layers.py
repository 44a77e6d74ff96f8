"""Rows of the layer table for sequences of channels, float[b, c, s], and for recurrence."""

from __future__ import annotations

from .dims import opaque
from .layers import KERNEL, layer
from .types import Tensor, Type


def _channels(call, name: str) -> Tensor:
    x = call.float_tensor("x")
    if x.rank != 3:
        call.fail(f"{call.name} takes float[b, c, s]", found=str(x))
    call.same_dim(x.shape[1], call.size(name), what=f"{call.name} expects its channels to be")
    return x


def _conv1d(call) -> Type:
    x = _channels(call, "in_channels")
    kernel, stride, padding, dilation = (
        call.size(name) for name in ("kernel_size", "stride", "padding", "dilation")
    )
    room = x.shape[2] + padding * 2 - dilation * (kernel - 1) - 1
    length = room + 1 if stride.constant == 1 else opaque("//", room, stride) + 1
    return Tensor(x.dtype, (x.shape[0], call.size("out_channels"), length))


_ARGUMENTS = "in_channels, out_channels, kernel_size"
_OPTIONS = "stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias"
layer(
    f"conv1d({_ARGUMENTS}, stride=1, padding=0, dilation=1, groups=1, bias=True, weight_norm=None)",
    _conv1d,
    f"nn.Conv1d({_ARGUMENTS}, {_OPTIONS})",
    f"Conv1d({_ARGUMENTS}, {_OPTIONS}, weight_norm=weight_norm)",
    f"Conv1d({_ARGUMENTS}, {_OPTIONS}, weight_norm=weight_norm, rngs=rngs)",
    leaves=KERNEL,
    variants={
        "weight_norm": {
            "pytorch": f"NormedConv1d({_ARGUMENTS}, {_OPTIONS}, weight_norm=weight_norm)"
        }
    },
)


def _conv_transpose1d(call) -> Type:
    x = _channels(call, "in_channels")
    kernel, stride, padding, more = (
        call.size(name) for name in ("kernel_size", "stride", "padding", "output_padding")
    )
    length = (x.shape[2] - 1) * stride - padding * 2 + kernel + more
    return Tensor(x.dtype, (x.shape[0], call.size("out_channels"), length))


_OPTIONS = "stride=stride, padding=padding, output_padding=output_padding, groups=groups, bias=bias"
layer(
    f"conv_transpose1d({_ARGUMENTS}, stride=1, padding=0, output_padding=0, groups=1, bias=True, "
    "weight_norm=None)",
    _conv_transpose1d,
    f"nn.ConvTranspose1d({_ARGUMENTS}, {_OPTIONS})",
    f"ConvTranspose1d({_ARGUMENTS}, {_OPTIONS}, weight_norm=weight_norm)",
    f"ConvTranspose1d({_ARGUMENTS}, {_OPTIONS}, weight_norm=weight_norm, rngs=rngs)",
    leaves=KERNEL,
    variants={
        "weight_norm": {
            "pytorch": f"NormedConvTranspose1d({_ARGUMENTS}, {_OPTIONS}, weight_norm=weight_norm)"
        }
    },
)


def _group_norm(call) -> Type:
    x = call.float_tensor("x")
    if x.rank < 2:
        call.fail("group_norm takes float[b, c, ...]", found=str(x))
    call.same_dim(x.shape[1], call.size("num_channels"), what="group_norm expects its channels")
    return x


layer(
    "group_norm(num_groups, num_channels, eps=1e-05)",
    _group_norm,
    "nn.GroupNorm(num_groups, num_channels, eps=eps)",
    "GroupNorm(num_groups, num_channels, eps=eps)",
    "GroupNorm(num_groups, num_channels, eps=eps, rngs=rngs)",
    leaves=("weight", "bias"),
)


def _lstm(call) -> Type:
    x = call.float_tensor("x")
    if x.rank != 3:
        call.fail("lstm takes float[b, s, d]", found=str(x))
    call.same_dim(x.shape[2], call.size("input_size"), what="lstm expects the last dimension to be")
    return Tensor(x.dtype, (*x.shape[:2], call.size("hidden_size")))


layer(
    "lstm(input_size, hidden_size, num_layers=1)",
    _lstm,
    "LSTM(input_size, hidden_size, num_layers)",
    "LSTM(input_size, hidden_size, num_layers)",
    "LSTM(input_size, hidden_size, num_layers, rngs=rngs)",
    leaves=("weight_ih_l*", "weight_hh_l*", "bias_ih_l*", "bias_hh_l*"),
)


def _layer_drop(call) -> Type:
    call.tensor("x")
    return Tensor("bool", ())


# whether a layer takes part in a call (Fan et al. 2019)
layer(
    "layer_drop(rate)",
    _layer_drop,
    "LayerDrop(rate)",
    "LayerDrop(rate)",
    "LayerDrop(rate, rngs=rngs)",
)
