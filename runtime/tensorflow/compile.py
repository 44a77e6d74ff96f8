"""Models as graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compile(model: Callable[..., Any], *, jit_compile: bool = False, **options: Any) -> Any:
    """The model's call as a `tf.function`, by XLA if `jit_compile`.

    One graph per shape of the inputs; with `reduce_retracing=True`, sizes that vary become
    unknown ones. A cache is an argument and a result like any other.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return model(*args, **kwargs)

    return tf.function(call, autograph=False, jit_compile=jit_compile or None, **options)
