"""The reference in Flax."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np
from generation_cases import Case
from settings import MODELS, inputs
from timed import Timed

from subjects.generating import timed
from subjects.memory import measured
from subjects.theirs import configured, model_class

_clip = jnp.clip


def _clip_as_before(x: jax.Array, a_min=None, a_max=None, **bounds) -> jax.Array:
    """The bounds had these names when the reference's Flax classes were written."""
    return _clip(x, **({"min": a_min, "max": a_max} | bounds))


jnp.clip = _clip_as_before


def _function(model: str, fields: dict, batch: int) -> tuple:
    found, config = configured("Flax", model, fields)
    network = found(config)
    arrays = {n: jnp.asarray(x) for n, x in inputs(model, fields, batch).items()}
    return jax.jit(lambda params, arrays: network(**arrays, params=params)), network.params, arrays


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    function, params, arrays = _function(model, fields, batch)
    return lambda: jax.block_until_ready(function(params, arrays)[MODELS[model].output])


def compilation(model: str, fields: dict, batch: int, form: str) -> dict:
    function, params, arrays = _function(model, fields, batch)
    start = perf_counter()
    lowered = function.lower(params, arrays)
    traced = perf_counter()
    lowered.compile()
    return {"trace": traced - start, "compile": perf_counter() - traced}


def decode(fields: dict, prompt: int, tokens: int, form: str) -> Callable[[], object]:
    found, config = configured("Flax", "small-llama", fields, "ForCausalLM")
    model, start = found(config), np.arange(1, prompt + 1)[None]

    options = {
        "do_sample": False,
        "max_new_tokens": tokens,
        "eos_token_id": fields["vocab_size"] + 1,  # which never comes; None does not work
    }

    def run() -> object:
        return np.asarray(model.generate(start, **options).sequences)

    return run


def load(model: str, folder: str) -> dict:
    found = model_class("Flax", model)
    return measured(
        lambda: found.from_pretrained(folder),
        lambda model: map(np.asarray, jax.tree.leaves(model.params)),
    )


def generate(model: str, folder: str, case: dict, form: str) -> Timed:
    case = Case(**case)
    dtype = getattr(jnp, case.dtype)
    network = model_class("Flax", model, "LMHeadModel").from_pretrained(folder, dtype=dtype)
    params = jax.tree.map(lambda x: jnp.asarray(x, dtype), network.params)
    ids = jnp.asarray(case.ids())
    mask = jnp.ones_like(ids)
    if form == "as it is":
        call = partial(network.generate, ids, attention_mask=mask, params=params)
        return timed(case, lambda options: np.asarray(call(**options).sequences))
    functions = {}

    def run(options: dict) -> object:
        tokens = options["max_new_tokens"]
        if tokens not in functions:
            call = partial(network.generate, **options)
            functions[tokens] = jax.jit(
                lambda ids, mask, params: call(ids, attention_mask=mask, params=params).sequences
            )
        return np.asarray(functions[tokens](ids, mask, params))

    return timed(case, run)
