"""The reference in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

import tensorflow as tf
from generation_cases import Case
from settings import MODELS, inputs
from timed import Timed

from subjects.generating import timed
from subjects.theirs import configured, model_class


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


def generate(model: str, folder: str, case: dict, form: str) -> Timed:
    case = Case(**case)
    network = model_class("TF", model, "LMHeadModel").from_pretrained(folder, from_pt=True)
    arrays = {"input_ids": tf.constant(case.ids())}
    arrays["attention_mask"] = tf.ones_like(arrays["input_ids"])
    if form == "eager":
        return timed(case, lambda options: network.generate(**arrays, **options))
    functions = {}

    def run(options: dict) -> object:
        tokens = options["max_new_tokens"]
        if tokens not in functions:
            call = partial(network.generate, **options)
            functions[tokens] = tf.function(call, jit_compile=True)
        return functions[tokens](**arrays)

    return timed(case, run)
