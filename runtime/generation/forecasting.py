"""What a class says of how it draws values to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from .outputs import SampleTSPredictionOutput


@dataclass(frozen=True, eq=False)
class Forecasting:
    """How a model is called for the distributions of values, and what these are.

    `inputs`: what `generate` takes, in order: names and kinds, "float", "int" or "bool", with "?"
    where one may be left out; "mask" is a bool that stands for truth at each entry of the first
    input where it is left out. `samples`: of a configuration, how many values are drawn of each.
    `distribution`: of a configuration, its name in `DISTRIBUTIONS`. `parameters`: of a
    configuration and a call's outputs, the distribution's parameters.

    `drawn`: the input [b, steps] for what was drawn so far, where the distribution of each value
    depends on those before it; `steps`: how many there are. The parameters are [b, steps] then,
    and what stands at a step and behind it has no say in those of the step.
    """

    inputs: tuple[tuple[str, str], ...]
    parameters: Callable[[Any, Any], list[Any]]
    samples: Callable[[Any], int]
    distribution: Callable[[Any], str]
    drawn: str | None = None
    steps: Callable[[Any], int] | None = None


class Forecasts:
    """A model that gives distributions of values, and so can draw them.

    Each framework says with `_forecast` how `forecast(engine, *arguments)` runs in it.
    """

    forecasting: ClassVar[Forecasting]

    def generate(
        self,
        *inputs: Any,
        num_samples: int | None = None,
        draw: str = "sample",
        seed: int | None = None,
        **named: Any,
    ) -> SampleTSPredictionOutput:
        """Draws values to come.

        Args:
            inputs: What is known: `forecasting.inputs`, in this order or by name.
            num_samples: How many are drawn of each; what the configuration says by default.
            draw: "sample", or "mean": each value is its distribution's mean, and there is one.
            seed: Of the draws; without one they differ from call to call.

        Returns:
            A record with `sequences` float32[b, samples, ...]. Errors are InputErrors and
            ConfigErrors, before any work.
        """
        from .forecasts import forecast

        return self._forecast(forecast, self, inputs, named, num_samples, draw, seed)
