"""The values that parameters start from: rules by kind of layer, or by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init

from ..errors import ConfigError
from ..first_values import Number, resolve
from ..sinusoids import interleaved_table, sinusoid_table
from .activations import MODULES
from .layers import RMSNorm

NORMS = (
    nn.LayerNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,  # batch and instance norms
    RMSNorm,
)
KINDS: dict[str, tuple[type[nn.Module], ...]] = {
    "linear": (nn.Linear,),
    "embedding": (nn.Embedding,),
    "norm": NORMS,
    "conv": (nn.modules.conv._ConvNd,),
}
LEARNED = tuple(MODULES.values())  # activations, which have first values of their own
RUNNING = {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}


@dataclass(frozen=True)
class Rule:
    """Fills a tensor; numbers may be given as names of fields of the configuration.

    `by_layer`: what fills it also takes the fan in of the layer's weight.
    """

    fill: Callable[..., Any]
    values: Mapping[str, Number]
    by_layer: bool = False

    def __call__(self, tensor: Tensor, config: Any, layer: nn.Module | None = None) -> None:
        values = {name: resolve(value, config) for name, value in self.values.items()}
        if self.by_layer:
            weight = layer.kernel() if hasattr(layer, "kernel") else layer.weight
            values["fan_in"] = weight[0].numel()
        self.fill(tensor, **values)


def normal(std: Number, mean: Number = 0.0) -> Rule:
    """Draws from a normal distribution."""
    return Rule(init.normal_, {"std": std, "mean": mean})


def trunc_normal(std: Number, mean: Number = 0.0, a: Number = -2.0, b: Number = 2.0) -> Rule:
    """Draws from a normal distribution, again where the value is outside [a, b]."""
    return Rule(init.trunc_normal_, {"std": std, "mean": mean, "a": a, "b": b})


def uniform(a: Number, b: Number) -> Rule:
    """Draws uniformly from [a, b)."""
    return Rule(init.uniform_, {"a": a, "b": b})


def constant(value: Number) -> Rule:
    """Sets all entries to one value."""
    return Rule(init.constant_, {"val": value})


def zeros() -> Rule:
    """Sets all entries to 0."""
    return constant(0.0)


def ones() -> Rule:
    """Sets all entries to 1."""
    return constant(1.0)


def xavier_uniform(gain: Number = 1.0) -> Rule:
    """Uniform with variance 2 gain² / (fan in + fan out) (Glorot, Bengio 2010)."""
    return Rule(init.xavier_uniform_, {"gain": gain})


def xavier_normal(gain: Number = 1.0) -> Rule:
    """Normal with variance 2 gain² / (fan in + fan out) (Glorot, Bengio 2010)."""
    return Rule(init.xavier_normal_, {"gain": gain})


def kaiming_uniform(a: Number = 0.0) -> Rule:
    """Uniform with variance 2 / ((1 + a²) fan in) (He et al. 2015)."""
    return Rule(init.kaiming_uniform_, {"a": a})


def kaiming_normal(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a²) fan in) (He et al. 2015)."""
    return Rule(init.kaiming_normal_, {"a": a})


def kaiming_normal_out(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a²) fan out) (He et al. 2015)."""
    return Rule(partial(init.kaiming_normal_, mode="fan_out"), {"a": a})


def fan_in_uniform() -> Rule:
    """Uniform in ±1 / sqrt(fan in of the layer's weight), for a bias too."""

    def fill(tensor: Tensor, fan_in: int) -> None:
        bound = 1 / math.sqrt(max(fan_in, 1))
        init.uniform_(tensor, -bound, bound)

    return Rule(fill, {}, by_layer=True)


def sinusoids(steps: Number) -> Rule:
    """Sines, then cosines of the row's number, with frequencies 10000 ** (-k / steps)."""

    def fill(tensor: Tensor, steps: float) -> None:
        tensor.copy_(torch.from_numpy(sinusoid_table(tensor.shape, steps)))

    return Rule(fill, {"steps": steps})


def interleaved_sinusoids(std: Number) -> Rule:
    """Sines and cosines of the row's number in turns, of mean 0 and a standard deviation."""

    def fill(tensor: Tensor, std: float) -> None:
        tensor.copy_(torch.from_numpy(interleaved_table(tensor.shape, std)))

    return Rule(fill, {"std": std})


def with_init(
    made: nn.Module | Tensor, init: Rule | None = None, bias_init: Rule | None = None
) -> Any:
    """The layer or parameter itself, whose first values follow rules of its own."""
    if init is not None:
        (made if isinstance(made, Tensor) else made.weight).rule = init
    if bias_init is not None and made.bias is not None:
        made.bias.rule = bias_init
    return made


def softplus_log_uniform(low: Number, high: Number, floor: Number = 0.0) -> Rule:
    """The inverse of softplus of max(x, floor), log(x) uniform in [log(low), log(high))."""

    def fill(tensor: Tensor, low: float, high: float, floor: float) -> None:
        size = tensor.uniform_(math.log(low), math.log(high)).exp_().clamp_(min=floor)
        tensor.copy_(size + torch.log(-torch.expm1(-size)))

    return Rule(fill, {"low": low, "high": high, "floor": floor})


def log_range() -> Rule:
    """log(1), log(2), ... along the last axis."""

    def fill(tensor: Tensor) -> None:
        tensor.copy_(torch.arange(1, tensor.shape[-1] + 1, device=tensor.device).log())

    return Rule(fill, {})


def powers(steps: Number, power: Number, factor: Number = 1.0, start: Number = 0.0) -> Rule:
    """start + factor * (i / steps) ** power for each place i along the last axis."""

    def fill(tensor: Tensor, steps: float, power: float, factor: float, start: float) -> None:
        places = torch.arange(tensor.shape[-1], dtype=torch.float64)
        tensor.copy_(start + factor * (places / steps) ** power)

    return Rule(fill, {"steps": steps, "power": power, "factor": factor, "start": start})


def rays(heads: Number, levels: Number, count: Number) -> Rule:
    """Points (x, y), one after the other: `count` of each of `levels` of each of `heads`, which
    lie on a ray of the head's own, 1, 2, ... away along x or y (Zhu et al. 2020, appendix A.4)."""

    def fill(tensor: Tensor, heads: float, levels: float, count: float) -> None:
        angles = torch.arange(heads, dtype=torch.float64) * (2 * math.pi / heads)
        steps = torch.stack([angles.cos(), angles.sin()], dim=-1)
        steps = steps / steps.abs().amax(dim=-1, keepdim=True)
        far = torch.arange(1, count + 1, dtype=torch.float64)
        points = (steps[:, None] * far[:, None])[:, None].expand(-1, levels, -1, -1)
        tensor.copy_(points.reshape(tensor.shape))

    return Rule(fill, {"heads": heads, "levels": levels, "count": count})


def orthogonal(gain: Number = 1.0) -> Rule:
    """Rows or columns at right angles, of length `gain`, times sqrt(rows / columns) if tall."""

    def fill(tensor: Tensor, gain: float) -> None:
        rows, columns = tensor.shape
        init.orthogonal_(tensor, gain * math.sqrt(max(1, rows / columns)))

    return Rule(fill, {"gain": gain})


@torch.no_grad()
def initialize(model: nn.Module, only: Collection[str] | None = None) -> None:
    """Fills the parameters of `model` by its `initializers`.

    What an inner model has filled is left alone, and so is what is tied to another module.
    `only`: instead, just the parameters and buffers of these names.
    """
    for path, module in model.named_modules():
        if only is None and getattr(module, "initialized", False):
            continue
        module.initialized = True
        leaves = dict(module.named_parameters(recurse=False))
        buffers = dict(module.named_buffers(recurse=False))
        for leaf, tensor in (leaves | buffers).items():
            name = f"{path}.{leaf}" if path else leaf
            named = hasattr(tensor, "rule") or _is_named(model.initializers, name)
            if only is None and leaf in buffers and not named:
                continue  # its module has filled it
            if leaf not in getattr(module, "tied", ()) and (only is None or name in only):
                _fill(model, module, leaf, tensor, name)


def _fill(model: nn.Module, module: nn.Module, leaf: str, tensor: Tensor, name: str) -> None:
    if leaf in getattr(module, "derived", ()):
        module.derive(leaf)
        return
    rule = _find_rule(model.initializers, module, leaf, name, getattr(tensor, "rule", None))
    if rule is not None:
        rule(tensor, model.config, module)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            tensor[module.padding_idx].zero_()
    elif leaf in RUNNING:
        tensor.fill_(RUNNING[leaf])
    elif isinstance(module, LEARNED):
        others = {name: x.clone() for name, x in module.state_dict().items() if name != leaf}
        module.reset_parameters()
        module.load_state_dict(others, strict=False)
    else:
        hint = f"Known are {', '.join(model.initializers) or 'none'}"
        what = f"no initializer of {type(model).__name__} is for this parameter"
        raise ConfigError(what, key=name, hint=hint)


def _is_named(rules: Mapping[str, Rule], name: str) -> bool:
    """Whether a rule is for this tensor alone, not for a kind of layers."""
    return any(
        fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")
        for pattern in rules
        if pattern not in KINDS and pattern not in ("bias", "param")
    )


def _find_rule(
    rules: Mapping[str, Rule], module: nn.Module, leaf: str, name: str, own: Rule | None
) -> Rule | None:
    """The first path that matches, also below the base model's name; else the tensor's own rule;
    else that of the kind."""
    for pattern, rule in rules.items():
        if pattern in KINDS or pattern in ("bias", "param"):
            continue
        if fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}"):
            return rule
    if own is not None:
        return own
    if leaf in RUNNING or isinstance(module, LEARNED):
        return None
    if leaf == "bias":
        return rules.get("bias")
    kinds = (kind for kind, types in KINDS.items() if isinstance(module, types))
    return rules.get(next(kinds, "param"))
