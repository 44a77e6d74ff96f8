"""TensorFlow: tf.function, eager, XLA."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Each program runs once or twice: compiling it is quicker without these passes.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from references.case import nested
from triptych.tensorflow import compile, parameters, state_dict  # noqa: E402

from .base import SEED, Adapter, is_label  # noqa: E402


class TensorFlow(Adapter):
    name, prefix, module = "tensorflow", "TF", "modeling_tf_{}"

    def call_of(self, model_class):
        return model_class.call

    def fresh(self, model_class, config, **options):
        keras.utils.set_random_seed(SEED)
        return model_class(config, **options)

    def modules(self, model):
        return model._flatten_layers()

    def caller(self, model, form):
        return Caller(model, form)

    def train(self, model, form, training, inputs, kwargs, objective):
        trained = [p for p in parameters(model).values() if p.trainable]

        def step():
            with tf.GradientTape() as tape:
                output = model(**inputs, **kwargs, training=training)
                value = objective(self.flat(output), tf.reduce_sum)
            found = tape.gradient(value, [p.value for p in trained])
            found = [None if g is None else tf.convert_to_tensor(g) for g in found]
            return output, found

        if form.compiled:
            step = tf.function(step, autograph=False, jit_compile=form.name == "xla" or None)
        output, gradients = step()
        after = {name: np.array(array) for name, array in state_dict(model).items()}
        for parameter, gradient in zip(trained, gradients, strict=True):
            parameter.assign(tf.zeros_like(parameter.value) if gradient is None else gradient)
        return output, state_dict(model), after

    def inputs(self, arrays, dtype="float32"):
        result = {}
        for name, array in arrays.items():
            tensor = tf.convert_to_tensor(array)
            cast = tensor.dtype.is_floating and not is_label(name)
            result[name] = tf.cast(tensor, dtype) if cast else tensor
        return nested(result)

    def array(self, tensor):
        tensor = tf.convert_to_tensor(tensor)
        return (tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor).numpy()

    def state_dict(self, model):
        return state_dict(model)


class Caller:
    """A model's call, as a graph where the form says so."""

    def __init__(self, model, form):
        self.compiled, self.call = form.compiled, model
        if form.compiled:
            self.call = compile(model, jit_compile=form.name == "xla")

    def __call__(self, inputs, kwargs):
        return self.call(**inputs, **kwargs)

    def traces(self):
        return self.call.experimental_get_tracing_count() if self.compiled else 0
