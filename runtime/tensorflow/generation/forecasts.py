"""Models of TensorFlow that draw values to come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...generation.forecasting import Forecasting, Forecasts

__all__ = ["ForecastMixin", "Forecasting"]


class ForecastMixin(Forecasts):
    """A model that gives distributions of values, and so can draw them."""

    def _forecast(self, forecast: Callable, *arguments: Any) -> Any:
        from .engine import Engine

        return forecast(Engine(), *arguments)
