"""Forecasts by ancestral sampling: each value is drawn given those that were drawn before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError, InputError, nearest, show
from .distributions import DISTRIBUTIONS, POINT
from .forecasting import Forecasting
from .outputs import SampleTSPredictionOutput

WAYS = ("sample", "mean")
MASK = "mask"  # a kind of input
ENCODED, STATES = "encoder_outputs", "encoder_last_hidden_state"


def forecast(
    engine: Any,
    model: Any,
    inputs: Sequence[Any],
    named: Mapping[str, Any],
    num_samples: int | None,
    draw: str,
    seed: int | None,
) -> SampleTSPredictionOutput:
    """What `generate` returns: `sequences` float32 [b, samples, ...]."""
    said, config = model.forecasting, model.config
    given = _given(said, inputs, named)
    _check(num_samples, draw, seed)
    name = said.distribution(config)
    if name not in DISTRIBUTIONS:
        expected = f"one of {', '.join(DISTRIBUTIONS)}"
        raise ConfigError(key="distribution", expected=expected, found=show(name))
    if num_samples is None:  # of values that are certain, one says all
        num_samples = 1 if draw == "mean" or name == POINT else said.samples(config)
    steps = said.steps(config) if said.steps else None
    program = Forecast(engine, said, name, num_samples, steps, draw == "mean")
    arrays = _arrays(engine.ops, model, said, given)
    first = arrays[said.inputs[0][0]]
    arrays = {"inputs": arrays, "key": engine.ops.make_key(seed, like=first)}
    return SampleTSPredictionOutput(sequences=engine.call(model, program, None, arrays))


def _given(said: Forecasting, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by name; InputError if they are not those that the model takes."""
    names = [name for name, _ in said.inputs]
    if len(inputs) > len(names):
        expected, found = f"{len(names)} inputs at most", str(len(inputs))
        raise InputError(key="generate", expected=expected, found=found)
    given = dict(zip(names, inputs, strict=False))
    for name, value in named.items():
        if name not in names:
            raise InputError("no input of a forecast", key=name, hint=nearest(name, names))
        if name in given:
            raise InputError("given twice", key=name)
        given[name] = value
    given = {name: value for name, value in given.items() if value is not None}
    for name, kind in said.inputs:
        if name not in given and not kind.endswith("?") and kind != MASK:
            raise InputError("a forecast needs it", key=name)
    return given


def _check(num_samples: int | None, draw: str, seed: int | None) -> None:
    if draw not in WAYS:
        expected = " or ".join(map(repr, WAYS))
        hint = nearest(draw, WAYS)
        raise InputError(key="draw", expected=expected, found=show(draw), hint=hint)
    whole = type(num_samples) is int and num_samples > 0
    if num_samples is not None and not whole:
        expected = "a whole number above 0"
        raise InputError(key="num_samples", expected=expected, found=show(num_samples))
    if seed is not None and type(seed) is not int:
        raise InputError(key="seed", expected="a whole number", found=show(seed))


def _arrays(ops: Any, model: Any, said: Forecasting, given: dict[str, Any]) -> dict[str, Any]:
    """Arrays of the model's types."""
    types = {"float": model.dtype, "int": ops.int_, "bool": ops.bool_, MASK: ops.bool_}
    found: dict[str, Any] = {}
    for name, kind in said.inputs:
        if name in given:
            found[name] = ops.cast(ops.array(given[name]), types[kind.removesuffix("?")])
        elif kind == MASK:
            first = found[said.inputs[0][0]]
            found[name] = ops.full(ops.shape(first), True, ops.bool_, like=first)
    return found


@dataclass(frozen=True)
class Forecast:
    """Draws values [b, samples, ...], for compiled code.

    `steps`: how many are drawn one after the other, None where all are at once. `mean`: whether
    means stand for draws.
    """

    engine: Any
    said: Forecasting
    distribution: str
    samples: int
    steps: int | None
    mean: bool

    replaces, varies = False, False  # as programs of searches have it

    def __call__(self, model: Any, carry: None, arrays: dict[str, Any]) -> Any:
        ops = self.engine.ops
        inputs, key = arrays["inputs"], arrays["key"]
        if self.steps is None:
            parameters = self._parameters(model, inputs)
            values = self._drawn(key, [ops.repeat_rows(x, self.samples) for x in parameters])
        else:
            values = self._path(model, inputs, key)
        rows, *sizes = ops.shape(values)
        return ops.reshape(values, (rows // self.samples, self.samples, *sizes))

    def _path(self, model: Any, inputs: dict[str, Any], key: Any) -> Any:
        """Values [b * samples, steps], one step after the other."""
        ops, name = self.engine.ops, self.said.drawn
        if ENCODED in self.engine.takes(model):  # what is known is read once
            inputs = {**inputs, ENCODED: _call(self.engine, model, inputs)[STATES]}
        inputs = {n: ops.repeat_rows(x, self.samples) for n, x in inputs.items()}
        if ENCODED in inputs:
            inputs[ENCODED] = [inputs[ENCODED]]
        first = inputs[self.said.inputs[0][0]]
        values = ops.full((ops.shape(first)[0], self.steps), 0.0, ops.float32, like=first)

        def body(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            step, values, key = state
            key, own = ops.split_key(key)
            so_far = {name: ops.cast(values, model.dtype)}
            parameters = self._parameters(model, {**inputs, **so_far})
            drawn = self._drawn(own, [ops.column(x, step) for x in parameters])
            return step + 1, ops.set_column(values, step, drawn), key

        return ops.while_loop(lambda state: state[0] < self.steps, body, (0, values, key))[1]

    def _parameters(self, model: Any, inputs: dict[str, Any]) -> list[Any]:
        ops = self.engine.ops
        found = self.said.parameters(model.config, _call(self.engine, model, inputs))
        return [ops.cast(x, ops.float32) for x in found]

    def _drawn(self, key: Any, parameters: list[Any]) -> Any:
        distribution = DISTRIBUTIONS[self.distribution]
        if self.mean:
            return distribution.mean(self.engine.ops, *parameters)
        return distribution.draw(self.engine.ops, key, *parameters)


def _call(engine: Any, model: Any, inputs: dict[str, Any]) -> Any:
    """A model's outputs, without a cache."""
    kept = {"use_cache": False} if "use_cache" in engine.takes(model) else {}
    return model(**inputs, **kept, return_dict=True)
