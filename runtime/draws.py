"""The random values of one call: those that a caller gives, otherwise drawn by a framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import InputError

Sampler = Callable[[str, Sequence[int], Any], Any]  # (distribution, shape, like) -> values


class Draws:
    """Named draws in the order in which a model makes them.

    `given`: {name: values} or, where a name is drawn several times, {name: [values, ...]}.
    `sample` draws what is not given; `convert` makes the framework's own of what is.
    """

    def __init__(
        self,
        given: Mapping[str, Any] | None,
        sample: Sampler,
        convert: Callable[[Any, Any], Any],
    ):
        self._given = {
            name: iter(values if isinstance(values, (list, tuple)) else [values])
            for name, values in (given or {}).items()
        }
        self._sample, self._convert = sample, convert

    def normal(self, name: str, shape: Sequence[int], like: Any) -> Any:
        """Standard normal values of the dtype of `like`."""
        return self._next(name, "normal", shape, like)

    def uniform(self, name: str, shape: Sequence[int], like: Any) -> Any:
        """Values between 0 and 1, of the dtype of `like`."""
        return self._next(name, "uniform", shape, like)

    def gumbel(self, name: str, shape: Sequence[int], like: Any) -> Any:
        """Standard Gumbel values, -log(-log(uniform)), of the dtype of `like`."""
        return self._next(name, "gumbel", shape, like)

    def _next(self, name: str, distribution: str, shape: Sequence[int], like: Any) -> Any:
        if name not in self._given:
            return self._sample(distribution, shape, like)
        values = next(self._given[name], None)
        if values is None:
            raise InputError("fewer values than the model draws", key=f"draws[{name!r}]")
        values = self._convert(values, like)
        sizes = tuple(values.shape)
        if len(sizes) != len(shape) or any(
            isinstance(want, int) and have != want for have, want in zip(sizes, shape, strict=True)
        ):
            raise InputError(
                key=f"draws[{name!r}]", expected=f"shape {tuple(shape)}", found=f"shape {sizes}"
            )
        return values
