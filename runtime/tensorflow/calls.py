"""What callers may pass to a model, and what its `call` then gets."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InputError, nearest
from .functional import integers

TARGETS = ("labels",)  # kept exact: losses are computed in float32


def bind(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name; the first one may be a mapping of them."""
    if args and isinstance(args[0], Mapping):
        twice = sorted(set(args[0]) & set(kwargs))
        if twice or len(args) > 1:
            raise InputError(
                "a mapping of inputs is the only positional argument",
                found=f"{twice[0]} twice" if twice else f"{len(args)} arguments",
            )
        args, kwargs = (), {**args[0], **kwargs}
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        for name in kwargs:
            if name not in signature.parameters:
                hint = nearest(name, signature.parameters)
                raise InputError("no such input", key=str(name), hint=hint) from None
        raise InputError(str(error)) from None


def method(call: Callable) -> Callable:
    """A call of a model beside its main one, which takes what that takes."""
    signature = inspect.signature(call)

    @functools.wraps(call)
    def prepared(self: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = bind(signature, (self, *args), kwargs)
        return call(**{n: prepare(n, x, self.compute_dtype) for n, x in inputs.items()})

    return prepared


def prepare(name: str, x: Any, dtype: str) -> Any:
    """An input as a tensor: whole numbers int32, others in the model's dtype.

    What is neither an array nor a list of numbers stays as it is.
    """
    if isinstance(x, list) and name != "past_key_values":
        x = _array(name, x)
    if isinstance(x, np.ndarray):
        x = tf.convert_to_tensor(x)
    if not tf.is_tensor(x) or isinstance(x, tf.RaggedTensor | tf.SparseTensor):
        return x
    if x.dtype.is_integer:
        return integers(x)
    if x.dtype.is_floating:
        return tf.cast(x, tf.float32 if name in TARGETS else dtype)
    return x


def _array(name: str, values: list[Any]) -> Any:
    if any(tf.is_tensor(value) for value in values):
        return values  # a list of inputs
    try:
        array = np.asarray(values)
    except ValueError:
        raise InputError(key=name, expected="rows of one length", found="different ones") from None
    return array if array.dtype.kind in "biuf" else values
