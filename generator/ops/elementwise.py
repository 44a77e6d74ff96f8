"""Arithmetic on single entries, constants and casts."""

from __future__ import annotations

from ..dims import Dim, opaque
from ..types import FLOATS, UNKNOWN, Static, Tensor, Type, integer
from . import lowerings
from .rules import boolean, broadcast, floating, same, static_or
from .table import op

number = same("x", (*FLOATS, "int"))

for name in ("abs", "square", "sign"):
    tf_name = f"tf.{name}(x)"
    op(f"{name}(x)", number, f"torch.{name}(x)", tf_name, f"jnp.{name}(x)")
for name in ("exp", "log", "sin", "cos", "tanh", "floor", "ceil"):
    function = "tf.math." if name in ("log", "ceil", "floor") else "tf."
    op(
        f"{name}(x)",
        static_or(floating),
        f"torch.{name}(x)",
        f"{function}{name}(x)",
        f"jnp.{name}(x)",
    )
op("sqrt(x)", static_or(floating), "torch.sqrt(x)", "tf.sqrt(x)", "jnp.sqrt(x)")
op("rsqrt(x)", floating, "torch.rsqrt(x)", "tf.math.rsqrt(x)", "jax.lax.rsqrt(x)")
op("acos(x)", floating, "torch.acos(x)", "tf.acos(x)", "jnp.arccos(x)")
op("erf(x)", floating, "torch.erf(x)", "tf.math.erf(x)", "jax.scipy.special.erf(x)")
op("relu(x)", floating, "torch.relu(x)", "tf.nn.relu(x)", "jax.nn.relu(x)")
op("sigmoid(x)", floating, "torch.sigmoid(x)", "tf.sigmoid(x)", "jax.nn.sigmoid(x)")
op("expm1(x)", floating, "torch.expm1(x)", "tf.math.expm1(x)", "jnp.expm1(x)")
op("elu(x)", floating, "F.elu(x)", "tf.nn.elu(x)", "jax.nn.elu(x)")
op("silu(x)", floating, "F.silu(x)", "tf.nn.silu(x)", "jax.nn.silu(x)")
op("log1p(x)", floating, "torch.log1p(x)", "tf.math.log1p(x)", "jnp.log1p(x)")
op("lgamma(x)", floating, "torch.lgamma(x)", "lgamma(x)", "jax.scipy.special.gammaln(x)")
op("softplus(x)", floating, "F.softplus(x)", "tf.nn.softplus(x)", "jax.nn.softplus(x)")
op("log_sigmoid(x)", floating, "F.logsigmoid(x)", "tf.math.log_sigmoid(x)", "jax.nn.log_sigmoid(x)")
op(
    "gelu(x, approximate=False)",
    floating,
    "gelu(x, approximate=approximate)",
    "gelu(x, approximate=approximate)",
    "gelu(x, approximate=approximate)",
)
op(
    "minimum(x, y)",
    broadcast("x", "y"),
    lowerings.minimum,
)
op(
    "maximum(x, y)",
    broadcast("x", "y"),
    lowerings.maximum,
)
op(
    "clip(x, low, high)",
    number,
    "torch.clamp(x, low, high)",
    "tf.clip_by_value(x, low, high)",
    "jnp.clip(x, low, high)",
)
op("isfinite(x)", boolean(), "torch.isfinite(x)", "tf.math.is_finite(x)", "jnp.isfinite(x)")
op("stop_gradient(x)", same(), "x.detach()", "tf.stop_gradient(x)", "jax.lax.stop_gradient(x)")


def _where(call) -> Type:
    condition = call.tensor("condition")
    if condition.dtype != "bool":
        call.fail("where takes a condition of type bool", found=str(condition), at="condition")
    chosen = call.broadcast(call.type("x"), call.type("y"))
    shape = call.broadcast(Tensor("bool", condition.shape), Tensor("bool", chosen.shape)).shape
    return Tensor(chosen.dtype, shape)


op(
    "where(condition, x, y)",
    _where,
    "torch.where(condition, x, y)",
    lowerings.where,
    "jnp.where(condition, x, y)",
)


def _cast(call) -> Type:
    dtype = call.value("dtype")
    if dtype not in ("float32", "int", "bool"):
        call.fail(
            "cast takes a type", expected="float32, int or bool", found=str(call.type("dtype")),
            hint="cast_like(x, y) gives x the type of y", at="dtype",
        )  # fmt: skip
        dtype = "float32"
    return Tensor(dtype, call.tensor("x").shape)


op("cast(x, dtype)", _cast, "x.to(dtype)", "tf.cast(x, dtype)", "x.astype(dtype)")
op(
    "cast_like(x, like)",
    lambda call: Tensor(call.tensor("like").dtype, call.tensor("x").shape),
    "x.to(like.dtype)",
    "tf.cast(x, like.dtype)",
    "x.astype(like.dtype)",
)


def _arange(call) -> Type:
    start, stop, step = (call.dim(name) for name in ("start", "stop", "step"))
    if call.value("stop") is None:
        start, stop = Dim.of(0), start
    if start is None or stop is None or step is None:
        return Tensor("int", (call.unknown("arange"),))
    length = stop - start
    if step.constant != 1:
        length = (length + step - 1).exact(step) if step.symbol else None
        length = length or opaque("//", stop - start + step - 1, step)
        halved = (stop - start).exact(step)
        if halved is not None and call.divides(stop - start, step):
            length = halved
    return Tensor("int", (length,))


op(
    "arange(start, stop=None, step=1)",
    _arange,
    "torch.arange(start, stop, step, device=device)",
    "tf.range(start, stop, step)",
    "jnp.arange(start, stop, step)",
)


def _like(call) -> Type:
    return call.tensor("x")


op("zeros_like(x)", _like, "torch.zeros_like(x)", "tf.zeros_like(x)", "jnp.zeros_like(x)")
op("ones_like(x)", _like, "torch.ones_like(x)", "tf.ones_like(x)", "jnp.ones_like(x)")


def _filled(call) -> Type:
    dtype = call.value("dtype")
    dims = call.dims("shape")
    return Tensor(dtype if isinstance(dtype, str) else "float32", dims)


op(
    'full(shape, value, dtype="float32")',
    _filled,
    "torch.full(shape, value, dtype=dtype, device=device)",
    "tf.fill(shape, tf.cast(value, dtype))",
    "jnp.full(shape, value, dtype=dtype)",
)


def _tensor(call) -> Type:
    value = call.value("values")
    known = isinstance(value, (list, tuple))
    return Tensor("float32", (Dim.of(len(value)) if known else call.unknown("length"),))


# a static list of numbers
op(
    "tensor(values)",
    _tensor,
    "torch.tensor(values, dtype=torch.float32, device=device)",
    "tf.constant(values, dtype=tf.float32)",
    "jnp.asarray(values, dtype=jnp.float32)",
)


def _seeded_normal(call) -> Type:
    return Tensor("float32", call.dims("shape"))


# what PyTorch draws from a generator of this seed
op(
    "seeded_normal(seed, shape)",
    _seeded_normal,
    "seeded_normal(seed, shape, device)",
    "seeded_normal(seed, shape)",
    "seeded_normal(seed, shape)",
)


def _size(call) -> Type:
    tensor = call.tensor("x")
    axis = call.value("axis")
    if axis is UNKNOWN or not -tensor.rank <= axis < tensor.rank:
        call.fail("size takes one axis of the tensor", found=str(tensor), at="axis")
        return Static("int")
    return integer(tensor.shape[axis])


op("size(x, axis)", _size, "x.shape[axis]", "shape_of(x)[axis]", "x.shape[axis]")
