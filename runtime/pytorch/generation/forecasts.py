"""Models of PyTorch that draw values to come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from ...generation.forecasting import Forecasting, Forecasts

__all__ = ["ForecastMixin", "Forecasting"]


class ForecastMixin(Forecasts):
    """A model that gives distributions of values, and so can draw them."""

    def _forecast(self, forecast: Callable, *arguments: Any) -> Any:
        from .engine import Engine

        place = nullcontext() if self.device.type == "cpu" else self.device
        with torch.no_grad(), place:
            return forecast(Engine(), *arguments)
