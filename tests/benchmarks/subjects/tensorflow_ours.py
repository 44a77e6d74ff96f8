"""Generated TensorFlow models, as graphs: eager calls in the same process would slow them down."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
import tensorflow as tf
import triptych.tensorflow as framework
from generation_cases import Case
from settings import MODELS, inputs
from timed import Timed

from subjects.generating import timed
from subjects.memory import measured
from subjects.ours import configured, model_class


def _function(model: str, fields: dict, batch: int, form: str) -> tuple:
    found, config = configured("TF", model, fields)
    function = framework.compile(found(config), jit_compile=form == "xla")
    return function, {n: tf.constant(x) for n, x in inputs(model, fields, batch).items()}


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


def decode(fields: dict, prompt: int, tokens: int, form: str) -> Callable[[], object]:
    found, config = configured("TF", "small-llama", fields, "ForCausalLM")
    model = found(config)
    start = tf.range(1, prompt + 1)[None]

    @tf.function(autograph=False, jit_compile=form == "xla" or None)
    def step(new, cache):
        output = model(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1)
        new = tf.argmax(output.logits, axis=-1, output_type=tf.int32)
        return new, output.past_key_values

    def run() -> list[int]:
        new, cache, found = start, model.init_cache(1, prompt + tokens), []
        for _ in range(tokens):
            new, cache = step(new, cache)
            found.append(int(new.numpy()[0, -1]))
        return found

    return run


def load(model: str, folder: str) -> dict:
    found = model_class("TF", model)
    return measured(
        lambda: found.from_pretrained(folder),
        lambda model: (np.asarray(p.value) for p in framework.parameters(model).values()),
    )


def generate(model: str, folder: str, case: dict, form: str) -> Timed:
    case = Case(**case)
    network = model_class("TF", model, "LMHeadModel").from_pretrained(folder, dtype=case.dtype)
    ids = tf.constant(case.ids())
    given = {"attention_mask": tf.ones_like(ids), "jit_compile": form == "xla"}
    return timed(case, lambda options: network.generate(ids, **given, **options))
