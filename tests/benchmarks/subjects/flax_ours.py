"""Generated Flax models, compiled."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np
import triptych.flax as framework
from generation_cases import Case
from settings import MODELS, inputs
from timed import Timed

from subjects.generating import timed
from subjects.memory import measured
from subjects.ours import configured, model_class


def _function(model: str, fields: dict, batch: int) -> tuple:
    found, config = configured("Flax", model, fields)
    arrays = {n: jnp.asarray(x) for n, x in inputs(model, fields, batch).items()}
    return framework.compile(found(config)), arrays


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    function, arrays = _function(model, fields, batch)
    return lambda: jax.block_until_ready(function(**arrays)[MODELS[model].output])


def compilation(model: str, fields: dict, batch: int, form: str) -> dict:
    function, arrays = _function(model, fields, batch)
    start = perf_counter()
    lowered = function.lower(**arrays)
    traced = perf_counter()
    lowered.compile()
    return {"trace": traced - start, "compile": perf_counter() - traced}


def decode(fields: dict, prompt: int, tokens: int, form: str) -> Callable[[], object]:
    found, config = configured("Flax", "small-llama", fields, "ForCausalLM")
    model = found(config)
    call, start = framework.compile(model), jnp.arange(1, prompt + 1)[None]
    best = jax.jit(lambda logits: jnp.argmax(logits, axis=-1))

    def run() -> list[int]:
        new, cache, found = start, model.init_cache(1, prompt + tokens), []
        for _ in range(tokens):
            output = call(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1)
            new, cache = best(output.logits), output.past_key_values
            found.append(int(np.asarray(new)[0, -1]))
        return found

    return run


def load(model: str, folder: str) -> dict:
    found = model_class("Flax", model)
    return measured(
        lambda: found.from_pretrained(folder),
        lambda model: (np.asarray(p.get_value()) for p in framework.parameters(model).values()),
    )


def generate(model: str, folder: str, case: dict, form: str) -> Timed:
    case = Case(**case)
    network = model_class("Flax", model, "LMHeadModel").from_pretrained(folder, dtype=case.dtype)
    ids = jnp.asarray(case.ids())
    mask = jnp.ones_like(ids)
    return timed(case, lambda options: network.generate(ids, attention_mask=mask, **options))
