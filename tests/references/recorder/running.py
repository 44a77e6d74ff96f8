"""Calling the reference and taking its outputs apart."""

from dataclasses import replace
from unittest import mock

import numpy as np
import torch
from transformers.cache_utils import Cache, EncoderDecoderCache

from . import draws
from . import inputs as _inputs

SIDE = ("hidden_states", "attentions", "cross_attentions", "mems")


def _cache_entries(cache):
    """The tensors of a cache object, by layer."""
    if isinstance(cache, EncoderDecoderCache):
        result = _cache_entries(cache.self_attention_cache)
        for index, entry in _cache_entries(cache.cross_attention_cache).items():
            names = {f"cross_{name}": tensor for name, tensor in entry.items()}
            result.setdefault(index, {}).update(names)
        return result
    result = {}
    for index, layer in enumerate(cache.layers):
        if layer.keys is not None:
            result[str(index)] = {"key": layer.keys, "value": layer.values}
    return result


def _states_by_layer(state):
    """Of five tensors [b, h, layers], what each layer keeps: inputs [b, 1, h], means [b, 3, h]."""
    fed, last, *means = state
    means = torch.stack(means, dim=1)
    rows = zip(last.unbind(2), means.unbind(3), fed.unbind(2), strict=True)
    return [(last[:, None], means, fed[:, None]) for last, means, fed in rows]


def flatten(value, name=""):
    """{dotted name: tensor} of a model's outputs."""
    if value is None:
        return {}
    if isinstance(value, torch.Tensor):
        return {name or "output": value}
    if isinstance(value, int):
        return {name: torch.tensor(value)}
    if isinstance(value, Cache):
        value = _cache_entries(value)
    elif name == "state":
        value = _states_by_layer(value)
    elif hasattr(value, "ssm_states"):  # of state spaces: two tensors a layer
        value = list(zip(value.conv_states, value.ssm_states, strict=True))
    pairs = value.items() if hasattr(value, "items") else enumerate(value)
    result = {}
    for key, inner in pairs:
        result.update(flatten(inner, f"{name}.{key}" if name else str(key)))
    return result


def arrays(flat):
    """Numpy copies of flattened outputs."""
    result = {}
    for name, tensor in flat.items():
        tensor = tensor.detach()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        result[name] = np.array(tensor.numpy())
    return result


def is_main(name):
    """Is this one of the outputs a class exists for, not a look inside?"""
    first = name.split(".")[0]
    return first not in _inputs.CACHES and not any(part in first for part in SIDE)


def dropout_rates(model, plan):
    """The rates of dropout in a training pass, as a set: not all are those of modules."""
    rates = set()

    def dropout(x, p=0.5, training=True, inplace=False):
        rates.update([p] if training else [])
        return x

    # What is drawn depends on the model's sizes, which may be others here.
    calls = [(draws.without(inputs), kwargs) for inputs, kwargs in plan.calls]
    with torch.no_grad(), mock.patch.object(torch.nn.functional, "dropout", dropout):
        run_calls(model.train(), replace(plan, calls=calls), torch.float32)
    return rates


def run_calls(model, plan, dtype):
    """[{name: tensor}] of a plan's calls, each fed with what the call before passes on.

    Arrays are copied before the next call, which may change a cache in place.
    """
    results, passed, seen = [], {}, 0
    for inputs, kwargs in plan.calls:
        torch.manual_seed(1234)
        np.random.seed(1234)
        call = model if plan.method is None else getattr(model, plan.method)
        with draws.given(inputs, dtype) as rest:
            output = call(**_inputs.to_torch(rest, dtype), **kwargs, **_inputs.in_tuples(passed))
        if plan.method is not None and isinstance(output, list):
            output = torch.stack(output)  # one tensor a row of the batch
        flat = flatten(output)
        if len(plan.calls) > 1:
            passed = {given: output[taken] for taken, given in plan.carry.items()}
            if "cache_params" in passed:  # which does not know how many tokens it has seen
                seen += inputs["input_ids"].shape[1]
                passed["cache_position"] = torch.tensor([seen])
            flat = {name: tensor.detach().clone() for name, tensor in flat.items()}
        results.append(flat)
    return results
