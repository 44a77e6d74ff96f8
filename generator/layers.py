"""The layer table: one row a kind, with its constructor, its call and its checkpoint leaves.

Constructors are quoted expressions like those of ops. A leaf is (name in the checkpoint, its
dimensions in checkpoint layout); which framework keeps it in another layout is the runtime's
business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .dims import Dim, opaque
from .ops.table import FRAMEWORKS, Param, parse_signature
from .types import NONE, UNKNOWN, Static, Tensor, Type


@dataclass(frozen=True)
class LayerKind:
    name: str
    params: tuple[Param, ...]
    rule: Callable[..., Type] | None  # None: a parameter, which is read, not called
    constructors: dict[str, str]
    leaves: tuple[str, ...] = ()
    variadic: bool = False
    # other constructors where an argument is given: argument -> framework -> constructor
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def constructor(self, framework: str, given: set[str]) -> str:
        for argument, by_framework in self.variants.items():
            if argument in given and framework in by_framework:
                return by_framework[framework]
        return self.constructors[framework]

    def tensors(self, given: Mapping[str, Type]) -> Iterator[tuple[str, bool]]:
        """The checkpoint leaves of a layer with these arguments, and whether each is conditional.

        Without `bias` there is no bias; with `weight_norm` the weight is stored in two parts.
        """
        for leaf in self.leaves:
            option = given.get(leaf)
            value = option.value if isinstance(option, Static) else None
            if value is False:
                continue
            norm = given.get("weight_norm", NONE)
            if leaf != "weight" or norm == NONE:
                yield leaf, value is UNKNOWN
                continue
            certain = isinstance(norm, Static) and norm.kind == "int"
            if not certain:
                yield leaf, True
            for part in ("original0", "original1"):
                yield f"parametrizations.weight.{part}", not certain

    def __str__(self) -> str:
        return self.name


LAYERS: dict[str, LayerKind] = {}


def layer(
    signature: str,
    rule,
    *constructors: str,
    leaves: tuple[str, ...] = (),
    variadic=False,
    variants: Mapping[str, Mapping[str, str]] | None = None,
):
    name, params = parse_signature(signature)
    by_framework = dict(zip(FRAMEWORKS, constructors, strict=True))
    LAYERS[name] = LayerKind(name, params, rule, by_framework, leaves, variadic, variants or {})


KERNEL = ("weight", "bias")


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
    "layer_norm(size, eps=1e-05, bias=True)",
    _norm,
    "nn.LayerNorm(size, eps=eps)",
    "LayerNorm(size, eps=eps)",
    "LayerNorm(size, eps=eps, rngs=rngs)",
    leaves=("weight", "bias"),
    variants={
        "bias": {
            "pytorch": "nn.LayerNorm(size, eps=eps, bias=bias)",
            "tensorflow": "LayerNorm(size, eps=eps, bias=bias)",
            "flax": "LayerNorm(size, eps=eps, bias=bias, rngs=rngs)",
        }
    },
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
layer(
    "dropout2d(rate)",
    _same,
    "nn.Dropout2d(rate)",
    "Dropout2d(rate)",
    "Dropout2d(rate, rngs=rngs)",
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


def sizes_by_axis(call, name: str, axes: int) -> tuple[Dim, ...]:
    """A size for all axes of a picture or film, or one for each."""
    value = dict(call.sizes).get(name)
    known = getattr(value, "value", None)
    if isinstance(known, (list, tuple)):
        if len(known) != axes:
            call.fail(f"{call.name}: {name} is one size, or one an axis", found=str(list(known)))
        return tuple(Dim.of(size) for size in known)
    if isinstance(value, Static) and value.kind not in ("int", "number", "any"):
        return tuple(call.unknown(name) for _ in range(axes))
    return (call.size(name),) * axes


def _convolved(size: Dim, kernel: Dim, stride: Dim, padding: Dim, dilation: Dim) -> Dim:
    if kernel == stride and padding.constant == 0 and dilation.constant == 1:
        return opaque("//", size, stride)
    length = size + padding * 2 - dilation * (kernel - 1) - 1
    return opaque("//", length, stride) + 1


def _conv2d(call) -> Type:
    x = call.float_tensor("x")
    if x.rank != 4:
        call.fail("conv2d takes float[b, c, h, w]", found=str(x))
        return x
    call.same_dim(x.shape[1], call.size("in_channels"), what="conv2d expects its channels to be")
    size = x.shape[2:]
    padding = call.sizes.get("padding")
    if isinstance(padding, Static) and padding.kind == "str":
        if padding.value not in (UNKNOWN, "same"):
            found = repr(padding.value)
            call.fail("conv2d: padding is a number, a pair or 'same'", found=found)
    else:
        names = ("kernel_size", "stride", "padding", "dilation")
        axes = zip(size, *(sizes_by_axis(call, name, 2) for name in names), strict=True)
        size = tuple(_convolved(*axis) for axis in axes)
    return Tensor(x.dtype, (x.shape[0], call.size("out_channels"), *size))


# padding: zeros on both sides of each axis, or 'same' (of stride 1): as many as keep the size
layer(
    "conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, "
    "bias=True)",
    _conv2d,
    "nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, "
    "dilation=dilation, groups=groups, bias=bias)",
    "Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, "
    "dilation=dilation, groups=groups, bias=bias)",
    "Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, "
    "dilation=dilation, groups=groups, bias=bias, rngs=rngs)",
    leaves=("weight", "bias"),
)


def _conv3d(call) -> Type:
    x = call.float_tensor("x")
    if x.rank != 5:
        call.fail("conv3d takes float[b, c, t, h, w]", found=str(x))
        return x
    call.same_dim(x.shape[1], call.size("in_channels"), what="conv3d expects its channels to be")
    kernel, stride, padding = (
        sizes_by_axis(call, name, 3) for name in ("kernel_size", "stride", "padding")
    )
    axes = zip(x.shape[2:], kernel, stride, padding, (Dim.of(1),) * 3, strict=True)
    size = tuple(_convolved(*axis) for axis in axes)
    return Tensor(x.dtype, (x.shape[0], call.size("out_channels"), *size))


layer(
    "conv3d(in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True)",
    _conv3d,
    "nn.Conv3d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)",
    "Conv3d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)",
    "Conv3d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias, "
    "rngs=rngs)",
    leaves=("weight", "bias"),
)


def _conv_transpose2d(call) -> Type:
    x = call.float_tensor("x")
    if x.rank != 4:
        call.fail("conv_transpose2d takes float[b, c, h, w]", found=str(x))
        return x
    what = "conv_transpose2d expects its channels to be"
    call.same_dim(x.shape[1], call.size("in_channels"), what=what)
    kernel, stride, padding, more = (
        call.size(name) for name in ("kernel_size", "stride", "padding", "output_padding")
    )
    height, width = ((size - 1) * stride + kernel - padding * 2 + more for size in x.shape[2:])
    return Tensor(x.dtype, (x.shape[0], call.size("out_channels"), height, width))


layer(
    "conv_transpose2d(in_channels, out_channels, kernel_size, stride=1, padding=0, "
    "output_padding=0, bias=True)",
    _conv_transpose2d,
    "nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, "
    "output_padding=output_padding, bias=bias)",
    "ConvTranspose2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, "
    "output_padding=output_padding, bias=bias)",
    "ConvTranspose2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, "
    "output_padding=output_padding, bias=bias, rngs=rngs)",
    leaves=("weight", "bias"),
)


def _batch_norm(*ranks: int):
    def rule(call) -> Type:
        x = call.float_tensor("x")
        if x.rank not in ranks:
            expected = " or ".join(f"float[{', '.join('bchw'[:rank])}]" for rank in ranks)
            call.fail(f"{call.name} takes {expected}", found=str(x))
            return x
        call.same_dim(x.shape[1], call.size("size"), what=f"{call.name} expects its channels to be")
        return x

    return rule


# in training, the statistics of the batch, which move those that are kept; momentum is the share
# of the new (Ioffe, Szegedy 2015)
layer(
    "batch_norm2d(size, eps=1e-05, momentum=0.1)",
    _batch_norm(4),
    "nn.BatchNorm2d(size, eps=eps, momentum=momentum)",
    "BatchNorm(size, eps=eps, momentum=momentum)",
    "BatchNorm(size, eps=eps, momentum=momentum, rngs=rngs)",
    leaves=("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
)
layer(
    "batch_norm1d(size, eps=1e-05, momentum=0.1)",
    _batch_norm(2, 3),
    "nn.BatchNorm1d(size, eps=eps, momentum=momentum)",
    "BatchNorm(size, eps=eps, momentum=momentum)",
    "BatchNorm(size, eps=eps, momentum=momentum, rngs=rngs)",
    leaves=("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
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
    "param()",
    None,
    "nn.Parameter(torch.empty(shape))",
    "Parameter(self, name, shape)",
    "Parameter(shape)",
    leaves=("",),
    variadic=True,
)

# a tensor that is saved with the model but not trained
layer(
    "buffer()",
    None,
    "nn.Buffer(torch.empty(shape))",
    "Parameter(self, name, shape, trainable=False)",
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


from . import sequence_layers  # noqa: E402, F401 (adds its rows)
