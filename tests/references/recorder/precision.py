"""The same model in float64 throughout, and in bfloat16."""

import contextlib
import copy

import torch
from torch.overrides import TorchFunctionMode
from transformers.modeling_utils import no_init_weights


def _widen(value):
    if value is torch.float32:
        return torch.float64
    if isinstance(value, (list, tuple)):
        return type(value)(_widen(item) for item in value)
    return value


class _Widening(TorchFunctionMode):
    """Turns every explicit cast to float32 into one to float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        args = tuple(_widen(a) if a is torch.float32 else a for a in args)
        kwargs = {key: _widen(value) for key, value in (kwargs or {}).items()}
        return func(*args, **kwargs)


@contextlib.contextmanager
def double():
    """Inside, new tensors and casts that say float32 are float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Widening():
            yield
    finally:
        torch.set_default_dtype(before)


def first_values(wanted):
    """Inside, models draw first values, or leave their tensors as memory has them."""
    return contextlib.nullcontext() if wanted else no_init_weights()


def double_model(model, init, changes, initialized):
    """A float64 twin: built anew, so that computed tables are exact too, then given the weights.

    `changes` of its configuration are options that only say how exactly something is computed.
    """
    config = copy.deepcopy(model.config)
    config._attn_implementation = "eager"
    for name, value in changes.items():
        setattr(config, name, value)
    with double():
        with first_values(initialized):
            twin = type(model)(config, **init)
        twin = twin.double()
        with torch.no_grad():
            target = twin.state_dict(keep_vars=True)
            for name, tensor in model.state_dict().items():
                target[name].data.copy_(tensor)
        if hasattr(twin, "tie_weights"):
            twin.tie_weights()
    return twin.eval()
