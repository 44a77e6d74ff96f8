"""The reference in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import tensorflow as tf
from settings import MODELS, inputs

from subjects.theirs import configured


def _function(model: str, fields: dict, batch: int, form: str) -> tuple:
    found, config = configured("TF", model, fields)
    network = found(config)
    arrays = {n: tf.constant(x) for n, x in inputs(model, fields, batch).items()}

    @tf.function(jit_compile=form == "xla" or None)
    def function(**arrays):
        return network(**arrays, training=False)

    return function, arrays


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    function, arrays = _function(model, fields, batch, form)
    return lambda: function(**arrays)[MODELS[model].output].numpy()


def compilation(model: str, fields: dict, batch: int, form: str) -> dict:
    function, arrays = _function(model, fields, batch, form)
    start = perf_counter()
    function.get_concrete_function(**arrays)
    traced = perf_counter()
    function(**arrays)
    compiled = perf_counter()
    function(**arrays)
    run = perf_counter() - compiled
    return {"trace": traced - start, "compile": compiled - traced - run}
