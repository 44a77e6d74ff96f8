"""PyTorch: eager, torch.compile in one graph, torch.export."""

import numpy as np
import torch
from references.case import nested
from torch._dynamo import lookup_backend
from triptych.pytorch import compile, state_dict

from .base import SEED, Adapter, is_label


class PyTorch(Adapter):
    name, prefix, module = "pytorch", "", "modeling_{}"

    def call_of(self, model_class):
        return model_class.forward

    def fresh(self, model_class, config, **options):
        torch.manual_seed(SEED)
        return model_class(config, **options)

    def rates(self, model, kind):
        if kind == "Dropout":
            return [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
        return super().rates(model, kind)

    def modules(self, model):
        return model.modules()

    def caller(self, model, form):
        return {"eager": Eager, "compile": Compiled, "export": Exported}[form.name](model)

    def method(self, model, name):
        return torch.no_grad()(getattr(model, name))

    def train(self, model, form, training, inputs, kwargs, objective):
        model.train(training)
        output = self.caller(model, form)(inputs, kwargs, gradients=True)
        objective(self.flat(output), torch.sum).backward()
        after = {name: np.array(array) for name, array in state_dict(model).items()}
        with torch.no_grad():
            for parameter in model.parameters():
                gradient = parameter.grad
                parameter.copy_(torch.zeros_like(parameter) if gradient is None else gradient)
        return output, state_dict(model), after

    def inputs(self, arrays, dtype="float32"):
        result = {}
        for name, array in arrays.items():
            tensor = torch.from_numpy(np.array(array))
            cast = tensor.is_floating_point() and not is_label(name)
            result[name] = tensor.to(getattr(torch, dtype)) if cast else tensor
        return nested(result)

    def array(self, tensor):
        tensor = tensor.detach()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()

    def state_dict(self, model):
        return state_dict(model)

    def native_names(self, model):
        return model.state_dict()

    def reset(self):
        torch._dynamo.reset()


class Eager:
    """The model's own call."""

    def __init__(self, model):
        self.call = model

    def __call__(self, inputs, kwargs, gradients=False):
        with torch.set_grad_enabled(gradients):
            return self.call(**inputs, **kwargs)

    def traces(self):
        return 0


class Compiled(Eager):
    """torch.compile without graph breaks; code is made by aot_eager, which needs no C++ compiler.

    What is tested is that the whole model is one graph, forward and backward, not inductor.
    """

    def __init__(self, model):
        torch._dynamo.reset()
        self.count, self.backend = 0, lookup_backend("aot_eager")
        self.call = compile(model, backend=self.compile)

    def compile(self, graph, inputs):
        self.count += 1
        return self.backend(graph, inputs)

    def traces(self):
        return self.count


class Exported(Eager):
    """torch.export of each call, and the exported program run."""

    def __init__(self, model):
        self.model = model

    def call(self, **arguments):
        program = torch.export.export(self.model, (), arguments)
        return program.module()(**arguments)
