"""The base of all layers, their parameters, and the two settings that reach them from outside.

Keras's own `Layer.__call__` converts and copies nested arguments, forbids positional arguments
that are not tensors, and costs more than a small TensorFlow op. All variables of our layers exist
once the constructor has run, so none of its other services are needed either: calls between our
layers go straight to `call`. A symbolic call (`keras.Input`) still takes Keras's way.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable

from ..errors import ConfigError
from .initialization import Rule

DTYPES = ("float32", "bfloat16", "float16", "float64")


class _Ambient(threading.local):
    """What constructors and calls of this thread read: dtypes, and whether a call trains."""

    compute = "float32"
    params = "float32"
    training: bool | None = None


_ambient = _Ambient()


def dtype_name(dtype: Any) -> str:
    """The name of a floating dtype given as a name, or as a dtype of TensorFlow or numpy."""
    name = dtype if isinstance(dtype, str) else tf.as_dtype(dtype).name
    name = name.removeprefix("torch.")
    if name not in DTYPES:
        raise ConfigError(key="dtype", expected=f"one of {', '.join(DTYPES)}", found=str(dtype))
    return name


@contextlib.contextmanager
def default_dtype(compute: Any, params: Any = None) -> Iterator[None]:
    """Layers made inside compute in `compute` and keep their parameters in `params`."""
    previous = _ambient.compute, _ambient.params
    compute = dtype_name(compute)
    params = compute if params is None else dtype_name(params)
    if params not in (compute, "float32"):
        raise ConfigError(
            f"parameters in {params} with computations in {compute} are not supported",
            expected=f"parameters in {compute} or float32",
        )
    _ambient.compute, _ambient.params = compute, params
    try:
        yield
    finally:
        _ambient.compute, _ambient.params = previous


def dtype_policy() -> keras.dtype_policies.DTypePolicy:
    """Keras's name for the ambient dtypes."""
    compute, params = _ambient.compute, _ambient.params
    return keras.dtype_policies.DTypePolicy(compute if compute == params else f"mixed_{compute}")


@contextlib.contextmanager
def training_mode(training: bool | None) -> Iterator[None]:
    """Calls inside run in training mode, or not; None leaves it as it is."""
    previous = _ambient.training
    if training is not None:
        _ambient.training = bool(training)
    try:
        yield
    finally:
        _ambient.training = previous


def is_training() -> bool:
    """Whether this call trains: our own setting, else that of a Keras model around it."""
    if _ambient.training is not None:
        return _ambient.training
    context = global_state.get_global_attribute("current_call_ctx")
    if context is None:
        return False
    get_value = getattr(context, "get_value", None)
    return bool(get_value("training") if get_value else getattr(context, "training", False))


class Parameter(keras.Variable):
    """A variable that the checkpoint holds.

    Made without a value: initialisation or loading gives it one, so that no time and memory go
    into values that are never used. `shape` is that in the checkpoint; `permutation` holds the
    checkpoint's axes in the order in which they are stored here. `dtype` is one dtype for storing
    and computing, where the ambient ones are not wanted. `init` is the rule for the first value
    where the model has none for its name. Checkpoints need not hold it unless it is `required`.
    """

    def __init__(
        self,
        owner: Layer,
        name: str,
        shape: Sequence[int],
        *,
        dtype: str | None = None,
        trainable: bool = True,
        permutation: Sequence[int] | None = None,
        init: Rule | None = None,
        required: bool = True,
    ):
        shape = tuple(int(size) for size in shape)
        self.has_value = False
        super().__init__(
            lambda shape, dtype=None: tf.zeros(shape, dtype),
            shape=shape if permutation is None else tuple(shape[axis] for axis in permutation),
            dtype=dtype or owner.variable_dtype,
            trainable=trainable,
            autocast=False,
            name=name,
        )
        self.read_dtype = dtype or owner.compute_dtype
        self.checkpoint_shape = shape
        self.permutation = permutation
        self.is_buffer = not trainable
        self.init = init
        self.required = required

    def _initialize_with_initializer(self, initializer: Any) -> None:
        if tf.distribute.has_strategy():  # which wants to make variables itself
            super()._initialize_with_initializer(initializer)
            return
        self._value = UninitializedVariable(
            shape=tf.TensorShape(self._shape),
            dtype=tf.as_dtype(self._dtype),
            trainable=self.trainable,
            name=self.name,
        )

    def _direct_assign(self, value: Any) -> None:
        super()._direct_assign(value)
        self.has_value = True

    @property
    def size(self) -> int:
        return math.prod(self.checkpoint_shape)


def value(parameter: Parameter) -> tf.Tensor:
    """A parameter in the dtype that its layer computes in."""
    tensor = tf.convert_to_tensor(parameter)
    return tf.cast(tensor, parameter.read_dtype)


class Layer(keras.layers.Layer):
    """A layer whose variables are all made by its constructor.

    `checkpoint_names` maps attributes to segments of checkpoint names where the two differ: a
    name with dots, '' for no segment, or a transform. `kind` is what initialisation rules call it.
    """

    checkpoint_names: ClassVar[dict[str, Any]] = {}
    kind: ClassVar[str] = "param"

    def __init__(self, **options: Any):
        super().__init__(dtype=dtype_policy(), autocast=False, **options)
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self.built = True

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        if is_symbolic(args, kwargs):
            return super().__call__(*args, **kwargs)
        if training is None:
            return self._run(args, kwargs)
        with training_mode(training):
            return self._run(args, kwargs)

    def _run(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        if self._call_has_training_arg:
            kwargs["training"] = is_training()
        if tf.executing_eagerly():
            return self.call(*args, **kwargs)
        with tf.name_scope(self.name):
            return self.call(*args, **kwargs)


def is_symbolic(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a Keras model is being put together rather than run."""
    return any(isinstance(x, keras.KerasTensor) for x in (*args, *kwargs.values()))
