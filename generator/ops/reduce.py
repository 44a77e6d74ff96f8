"""Reductions and normalising functions along axes."""

from __future__ import annotations

from ..types import FLOATS, Tensor, Type
from .rules import axes_of, floating, reduction, same
from .table import op


def by_kind(plain: str, name: str):
    """Whole numbers have no gradient; that of others is the runtime's."""
    ours = {"max": "largest", "min": "smallest"}[name]

    def lowering(_, call) -> str:
        function = ours if call.argument("x").type.dtype in FLOATS else plain
        return f"{function}(x, axis=axis, keepdims=keepdims)"

    return lowering


for name, tf_name in (("mean", "reduce_mean"), ("sum", "reduce_sum")):
    op(
        f"{name}(x, axis=None, keepdims=False)",
        reduction(take=FLOATS if name == "mean" else (*FLOATS, "int")),
        f"torch.{name}(x, dim=axis, keepdim=keepdims)",
        f"tf.{tf_name}(x, axis=axis, keepdims=keepdims)",
        f"jnp.{name}(x, axis=axis, keepdims=keepdims)",
    )
for name in ("max", "min"):
    op(
        f"{name}(x, axis=None, keepdims=False)",
        reduction(),
        f"torch.a{name}(x, dim=axis, keepdim=keepdims)",
        by_kind(f"tf.reduce_{name}", name),
        by_kind(f"jnp.{name}", name),
    )
for name in ("any", "all"):
    op(
        f"{name}(x, axis=None, keepdims=False)",
        reduction(take=("bool",)),
        f"torch.{name}(x, dim=axis, keepdim=keepdims)",
        f"tf.reduce_{name}(x, axis=axis, keepdims=keepdims)",
        f"jnp.{name}(x, axis=axis, keepdims=keepdims)",
    )
op(
    "argmax(x, axis)",
    reduction("int"),
    "torch.argmax(x, dim=axis)",
    "tf.argmax(x, axis=axis, output_type=tf.int32)",
    "jnp.argmax(x, axis=axis)",
)
op(
    "var(x, axis, keepdims=False)",
    reduction(take=FLOATS),
    "torch.var(x, dim=axis, keepdim=keepdims, correction=0)",
    "tf.math.reduce_variance(x, axis=axis, keepdims=keepdims)",
    "jnp.var(x, axis=axis, keepdims=keepdims)",
)
op(
    "logsumexp(x, axis, keepdims=False)",
    reduction(take=FLOATS),
    "torch.logsumexp(x, dim=axis, keepdim=keepdims)",
    "tf.reduce_logsumexp(x, axis=axis, keepdims=keepdims)",
    "jax.nn.logsumexp(x, axis=axis, keepdims=keepdims)",
)
op(
    "softmax(x, axis=-1)",
    floating,
    "torch.softmax(x, dim=axis)",
    "tf.nn.softmax(x, axis=axis)",
    "jax.nn.softmax(x, axis=axis)",
)
op(
    "log_softmax(x, axis=-1)",
    floating,
    "torch.log_softmax(x, dim=axis)",
    "tf.nn.log_softmax(x, axis=axis)",
    "jax.nn.log_softmax(x, axis=axis)",
)


def _cumsum(call) -> Type:
    tensor = same("x", (*FLOATS, "int"))(call)
    axes_of(call, tensor.rank)
    return tensor


op(
    "cumsum(x, axis)",
    _cumsum,
    "torch.cumsum(x, dim=axis)",
    "tf.cumsum(x, axis=axis)",
    "jnp.cumsum(x, axis=axis)",
)


def _l2_normalize(call) -> Type:
    tensor: Tensor = floating(call)
    return tensor


op("l2_normalize(x, axis=-1)", _l2_normalize, "l2_normalize(x, axis=axis)")
# a layer norm without weights
op("standardize(x, eps=1e-05)", floating, "standardize(x, eps=eps)")
