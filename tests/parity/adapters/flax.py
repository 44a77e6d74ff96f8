"""Flax: jax.jit on split state, and eager."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Each program runs once or twice: compiling it is four times as quick without these passes.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import nnx  # noqa: E402
from references.case import nested
from triptych.flax import compile, state_dict  # noqa: E402

from .base import SEED, Adapter, is_label  # noqa: E402


class Flax(Adapter):
    name, prefix, module = "flax", "Flax", "modeling_flax_{}"

    def call_of(self, model_class):
        return model_class.__call__

    def fresh(self, model_class, config, **options):
        return model_class(config, rngs=nnx.Rngs(SEED), **options)

    def modules(self, model):
        return (module for _, module in nnx.iter_modules(model))

    def caller(self, model, form):
        return Caller(model, form)

    def train(self, model, form, training, inputs, kwargs, objective):
        (model.train if training else model.eval)()
        graph, params, rest = nnx.split(model, nnx.Param, ...)

        def value(params, rest, inputs):
            model = nnx.merge(graph, params, rest, copy=True)
            output = model(**inputs, **kwargs)
            changed = nnx.split(model, nnx.Param, ...)[2]
            return objective(self.flat(output), jnp.sum), (output, changed)

        step = jax.value_and_grad(value, has_aux=True)
        if form.compiled:
            step = jax.jit(step)
        (_, (output, changed)), gradients = step(params, rest, inputs)
        after = state_dict(nnx.merge(graph, params, changed))
        return output, state_dict(nnx.merge(graph, gradients, rest)), after

    def inputs(self, arrays, dtype="float32"):
        result = {}
        for name, array in arrays.items():
            array = jnp.asarray(array)
            cast = jnp.issubdtype(array.dtype, jnp.floating) and not is_label(name)
            result[name] = array.astype(dtype) if cast else array
        return nested(result)

    def array(self, tensor):
        array = np.asarray(tensor)
        return array.astype(np.float32) if array.dtype == jnp.bfloat16 else array

    def state_dict(self, model):
        return state_dict(model)

    def reset(self):
        jax.clear_caches()


class Caller:
    """A model's call, compiled where the form says so."""

    def __init__(self, model, form):
        self.compiled = form.compiled
        self.call = compile(model) if form.compiled else model

    def __call__(self, inputs, kwargs):
        return self.call(**inputs, **kwargs)

    def traces(self):
        return self.call._run._cache_size() if self.compiled else 0
