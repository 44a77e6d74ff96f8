"""What the adapters share: finding classes, and taking outputs apart under the recorded names."""

import inspect
from abc import ABC, abstractmethod
from importlib import import_module

import numpy as np
from references.case import flatten

SEED = 2026  # of first values: one that no case was recorded with, or PyTorch's were the same
PARTS = ("key", "value", "cross_key", "cross_value")


class Adapter(ABC):
    """How to load, call and differentiate the models of one framework."""

    name: str  # of the framework, and of our package for it
    prefix: str  # of class names
    module: str  # of generated files, "{}" being the folder

    def model_class(self, folder, class_name):
        """The generated class; an AttributeError or ImportError if there is none."""
        module = import_module(f"triptych.models.{folder}.{self.module.format(folder)}")
        return getattr(module, self.prefix + class_name)

    def load(self, model_class, path, **options):
        """(model in evaluation mode, what from_pretrained reports)."""
        return model_class.from_pretrained(path, output_loading_info=True, **options)

    @abstractmethod
    def fresh(self, model_class, config, **options):
        """A model with first values, the same ones each time."""

    def rates(self, model, kind):
        """The probabilities of a model's layers of this class: "Dropout" or "DropPath"."""
        return [float(m.rate) for m in self.modules(model) if type(m).__name__ == kind]

    @abstractmethod
    def modules(self, model):
        """All layers of a model, at every depth."""

    def parameters_of_call(self, model_class):
        """The names that a call takes."""
        return list(inspect.signature(self.call_of(model_class)).parameters)[1:]

    @abstractmethod
    def call_of(self, model_class):
        """The generated method that says which inputs there are."""

    def method(self, model, name):
        """A public method of a model other than its call."""
        return getattr(model, name)

    @abstractmethod
    def caller(self, model, form):
        """A callable (inputs, kwargs) -> output, with `traces()` so far."""

    @abstractmethod
    def train(self, model, form, training, inputs, kwargs, objective):
        """(output, {checkpoint name: gradient}, state dict after the call).

        `objective(output, total)` is the scalar to differentiate, `total` the sum of an array's
        entries. The model is used up: gradients take the place of its parameters, so that the
        checkpoint's own transforms bring them into its layout.
        """

    @abstractmethod
    def inputs(self, arrays, dtype="float32"):
        """Tensors of a probe's inputs, floating ones but labels in `dtype`."""

    @abstractmethod
    def array(self, tensor):
        """A numpy array; bfloat16 becomes float32."""

    @abstractmethod
    def state_dict(self, model):
        """{checkpoint name: numpy array}."""

    def native_names(self, model):
        """Checkpoint names as the framework's own means list them, where it has such."""
        return self.state_dict(model)

    def reset(self):  # noqa: B027
        """Forget what was compiled for models that are gone; nothing, unless overridden."""

    def flat(self, output):
        """{recorded name: tensor} of an output record; caches by position and kind."""
        result = {}
        for name, value in output.items():
            if hasattr(value, "to_legacy"):
                value = value.to_legacy()
                if name == "past_key_values":  # the states of others have no names
                    value = [dict(zip(PARTS, held, strict=False)) for held in value]
            result.update(flatten({name: value}))
        return result

    def arrays(self, output):
        """{recorded name: numpy array} of an output record."""
        found = self.flat(output).items()
        return {n: np.array(x if isinstance(x, int) else self.array(x)) for n, x in found}


def is_label(name):
    """Whether an input is a target, which losses take in float32."""
    return "label" in name
