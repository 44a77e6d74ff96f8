"""The layer table: one row a kind, with its constructor, its call and its checkpoint leaves.

Constructors are quoted expressions like those of ops. A leaf is (name in the checkpoint, its
dimensions in checkpoint layout); which framework keeps it in another layout is the runtime's
business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .dims import Dim, opaque
from .ops.table import FRAMEWORKS, Param, parse_signature
from .types import Tensor, Type


@dataclass(frozen=True)
class LayerKind:
    name: str
    params: tuple[Param, ...]
    rule: Callable[..., Type] | None  # None: a parameter, which is read, not called
    constructors: dict[str, str]
    leaves: tuple[str, ...] = ()
    variadic: bool = False

    def __str__(self) -> str:
        return self.name


LAYERS: dict[str, LayerKind] = {}


def layer(signature: str, rule, *constructors: str, leaves: tuple[str, ...] = (), variadic=False):
    name, params = parse_signature(signature)
    by_framework = dict(zip(FRAMEWORKS, constructors, strict=True))
    LAYERS[name] = LayerKind(name, params, rule, by_framework, leaves, variadic)


def _linear(call) -> Type:
    x = call.float_tensor("x")
    call.same_dim(
        x.shape[-1], call.size("in_features"), what="linear expects the last dimension to be"
    )
    return Tensor(x.dtype, (*x.shape[:-1], call.size("out_features")))


layer(
    "linear(in_features, out_features, bias=True)",
    _linear,
    "nn.Linear(in_features, out_features, bias=bias)",
    "Linear(in_features, out_features, bias=bias)",
    "Linear(in_features, out_features, bias=bias, rngs=rngs)",
    leaves=("weight", "bias"),
)


def _embedding(call) -> Type:
    ids = call.tensor("x")
    if ids.dtype != "int":
        call.fail("an embedding looks up whole numbers", expected="int[...]", found=str(ids))
    return Tensor("float", (*ids.shape, call.size("embedding_dim")))


layer(
    "embedding(num_embeddings, embedding_dim, padding_idx=None)",
    _embedding,
    "nn.Embedding(num_embeddings, embedding_dim, padding_idx=padding_idx)",
    "Embedding(num_embeddings, embedding_dim, padding_idx=padding_idx)",
    "Embedding(num_embeddings, embedding_dim, padding_idx=padding_idx, rngs=rngs)",
    leaves=("weight",),
)

# an embedding whose rows are multiplied by a number, such as the square root of their length
layer(
    "scaled_embedding(num_embeddings, embedding_dim, scale, padding_idx=None)",
    _embedding,
    "ScaledEmbedding(num_embeddings, embedding_dim, scale, padding_idx=padding_idx)",
    "ScaledEmbedding(num_embeddings, embedding_dim, scale, padding_idx=padding_idx)",
    "ScaledEmbedding(num_embeddings, embedding_dim, scale, padding_idx=padding_idx, rngs=rngs)",
    leaves=("weight",),
)


def _norm(call) -> Type:
    x = call.float_tensor("x")
    call.same_dim(x.shape[-1], call.size("size"), what="the norm expects the last dimension to be")
    return x


layer(
    "layer_norm(size, eps=1e-05)",
    _norm,
    "nn.LayerNorm(size, eps=eps)",
    "LayerNorm(size, eps=eps)",
    "LayerNorm(size, eps=eps, rngs=rngs)",
    leaves=("weight", "bias"),
)
layer(
    "rms_norm(size, eps=1e-06)",
    _norm,
    "RMSNorm(size, eps=eps)",
    "RMSNorm(size, eps=eps)",
    "RMSNorm(size, eps=eps, rngs=rngs)",
    leaves=("weight",),
)


def _same(call) -> Type:
    return call.float_tensor("x")


layer(
    "dropout(rate)",
    _same,
    "nn.Dropout(rate)",
    "Dropout(rate)",
    "Dropout(rate, rngs=rngs)",
)
# stochastic depth: whole rows of the batch are dropped (Huang et al. 2016)
layer(
    "drop_path(rate)",
    _same,
    "DropPath(rate)",
    "DropPath(rate)",
    "DropPath(rate, rngs=rngs)",
)
layer("activation(name)", _same, "activation(name)", "activation(name)", "activation(name)")


def _spatial(size: Dim, kernel: Dim, stride: Dim, padding: Dim) -> Dim:
    length = size + padding * 2 - kernel
    return opaque("//", length, stride) + 1


def _conv2d(call) -> Type:
    x = call.float_tensor("x")
    if x.rank != 4:
        call.fail("conv2d takes float[b, c, h, w]", found=str(x))
        return x
    call.same_dim(x.shape[1], call.size("in_channels"), what="conv2d expects its channels to be")
    kernel, stride, padding = (call.size(name) for name in ("kernel_size", "stride", "padding"))
    height, width = (_spatial(size, kernel, stride, padding) for size in x.shape[2:])
    return Tensor(x.dtype, (x.shape[0], call.size("out_channels"), height, width))


layer(
    "conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True)",
    _conv2d,
    "nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)",
    "Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)",
    "Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias, "
    "rngs=rngs)",
    leaves=("weight", "bias"),
)


def _pixel_shuffle(call) -> Type:
    x = call.float_tensor("x")
    factor = call.size("factor")
    if x.rank != 4:
        call.fail("pixel_shuffle takes float[b, c, h, w]", found=str(x))
        return x
    channels = call.exact(x.shape[1], factor * factor)
    return Tensor(x.dtype, (x.shape[0], channels, x.shape[2] * factor, x.shape[3] * factor))


layer(
    "pixel_shuffle(factor)",
    _pixel_shuffle,
    "nn.PixelShuffle(factor)",
    "PixelShuffle(factor)",
    "PixelShuffle(factor)",
)
layer(
    'param(init="zeros")',
    None,
    "nn.Parameter(torch.empty(shape))",
    "Parameter(self, name, shape)",
    "Parameter(shape)",
    leaves=("",),
    variadic=True,
)
# a tensor of the checkpoint that is not trained
layer(
    "buffer()",
    None,
    "nn.Buffer(torch.zeros(shape))",
    "Buffer(self, name, shape)",
    "Parameter(shape, kind=Buffer)",
    leaves=("",),
    variadic=True,
)


# a tensor that checkpoints hold although it follows from the configuration
layer("stored(value)", None, "", "", "", variadic=True)


def parameter_type(arguments: dict) -> Tensor:
    if "value" in arguments:
        return arguments["value"]
    sizes = arguments["shape"].items
    return Tensor("float", tuple(size.dim for size in sizes))
