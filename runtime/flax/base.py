"""Data types, parameters and the base of all layers.

A parameter is an array in a layer's own layout that knows how a checkpoint stores it. Inside a
model's constructor parameters hold shapes only. The model fills them when its constructor ends
(random values) or from a checkpoint, so that no array is made twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

LINEAR = (1, 0)  # axes of a checkpoint's [out, in] in the order (in, out)
CONV2D = (2, 3, 1, 0)  # axes of a checkpoint's [out, in, height, width] in the order HWIO


class _Ambient(threading.local):
    compute: jnp.dtype = jnp.dtype("float32")
    params: jnp.dtype = jnp.dtype("float32")
    building = False
    scan_layers = False


_ambient = _Ambient()


def as_dtype(dtype: Any) -> jnp.dtype:
    """A dtype from its name, a numpy or JAX dtype, or another framework's (`torch.bfloat16`)."""
    if not isinstance(dtype, str):
        try:
            return jnp.dtype(dtype)
        except TypeError:
            dtype = str(dtype)
    return jnp.dtype(dtype.rpartition(".")[2])


@contextmanager
def default_dtype(compute: Any, params: Any = None) -> Iterator[None]:
    """Layers built inside compute in `compute`, with parameters stored in `params`.

    Without `params` both are the same. Holds for the current thread; the default is float32.
    """
    before = _ambient.compute, _ambient.params
    _ambient.compute = as_dtype(compute)
    _ambient.params = _ambient.compute if params is None else as_dtype(params)
    try:
        yield
    finally:
        _ambient.compute, _ambient.params = before


def compute_dtype() -> jnp.dtype:
    """The dtype that layers built now compute in."""
    return _ambient.compute


def param_dtype() -> jnp.dtype:
    """The dtype that layers built now store parameters in."""
    return _ambient.params


@contextmanager
def building(scan_layers: bool = False) -> Iterator[None]:
    """Parameters made inside hold a jax.ShapeDtypeStruct instead of an array.

    `scan_layers`: stacks of equal blocks made inside are stored for a scan.
    """
    before = _ambient.building, _ambient.scan_layers
    _ambient.building, _ambient.scan_layers = True, scan_layers
    try:
        yield
    finally:
        _ambient.building, _ambient.scan_layers = before


def scans_layers() -> bool:
    """Whether stacks that are made now are stored for a scan."""
    return _ambient.scan_layers


class Buffer(nnx.Variable):
    """An array that is saved with the model but not trained."""


def Parameter(
    shape: Sequence[int] | int,
    *,
    dtype: Any = None,
    permutation: tuple[int, ...] | None = None,
    init: Callable | None = None,
    rngs: nnx.Rngs | None = None,
    kind: type[nnx.Variable] = nnx.Param,
    required: bool = True,
) -> nnx.Variable:
    """A parameter.

    Args:
        shape: Its shape in checkpoint layout.
        dtype: One dtype for storing and computing, where the ambient ones are not wanted.
        permutation: The checkpoint's axes in the order in which they are stored here.
        init: `init(key, shape, dtype)`, used only outside of a model's constructor; else zeros.
        rngs: Source of the key for `init`, stream `params`.
        kind: The type of variable.
        required: Whether checkpoints that lack it are incomplete.
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    store = param_dtype() if dtype is None else as_dtype(dtype)
    compute = compute_dtype() if dtype is None else store
    stored = shape if permutation is None else tuple(shape[axis] for axis in permutation)
    if _ambient.building:
        array = jax.ShapeDtypeStruct(stored, store)
    elif init is None:
        array = jnp.zeros(stored, store)
    else:
        array = init(None if rngs is None else rngs.params(), shape, store)
        array = jnp.asarray(array if permutation is None else array.transpose(permutation))
    return kind(array, compute_dtype=compute, permutation=permutation, required=required)


def value(parameter: nnx.Variable) -> jax.Array:
    """The array of a parameter, in the dtype that its layer computes in."""
    return parameter[...].astype(parameter.compute_dtype)


def is_abstract(variable: nnx.Variable) -> bool:
    """Whether a variable holds a shape and no array."""
    return isinstance(variable.get_value(), jax.ShapeDtypeStruct)


class Layer(nnx.Module):
    """A layer with parameters.

    `kind` is what initialisation rules call it; `checkpoint_names` maps attributes to segments of
    checkpoint names where the two differ: a name with dots, '' for no segment, or a transform.
    """

    kind: ClassVar[str] = "param"
    checkpoint_names: ClassVar[dict[str, Any]] = {}


class Module(nnx.Module):
    """Base of modules that compute something else in training mode."""

    deterministic = True  # set by nnx's train() and eval()

    @property
    def training(self) -> bool:
        """Whether the module is in training mode."""
        return not self.deterministic


def at_least_float32(x: Any) -> jax.Array:
    """x in float32, or float64 if it is that already."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
