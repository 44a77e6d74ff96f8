"""Models as compiled functions."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import numpy as np
from flax import nnx

from .cache import Cache

PLAIN = (bool, int, float, str, type(None))


class Compiled:
    """A model's call, compiled by XLA once for each combination of shapes and plain arguments.

    The model is taken apart when this is made: later changes of it do not show, and its train or
    eval mode is fixed. In training mode every call draws the same random numbers; to train, use
    `nnx.jit`, or return the random state. A preallocated cache is given up to the call, which
    returns it with the new tokens in the same memory.
    """

    def __init__(self, model: nnx.Module):
        self._signature = inspect.signature(model.__call__)
        graphdef, state, random = nnx.split(model, nnx.Not(nnx.RngState), ...)
        # Flat lists: walking a nested state would cost more than a small model's call. Variables
        # are made anew in each trace, which alone may change them.
        self._arrays, structure = jax.tree.flatten(state)
        random, random_structure = jax.tree.flatten(random)

        def run(state: list, donated: dict, arrays: dict, plain: tuple) -> Any:
            state = jax.tree.unflatten(structure, state)
            model = nnx.merge(graphdef, state, jax.tree.unflatten(random_structure, random))
            return model(**donated, **arrays, **dict(plain))

        self._run = jax.jit(run, static_argnames="plain", donate_argnames="donated")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        donated, arrays, plain = self._sorted(args, kwargs)
        return self._run(self._arrays, donated, arrays, plain=plain)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """JAX's lowered form of one call, to look into."""
        donated, arrays, plain = self._sorted(args, kwargs)
        return self._run.lower(self._arrays, donated, arrays, plain=plain)

    def _sorted(self, args: tuple, kwargs: dict[str, Any]) -> tuple[dict, dict, tuple]:
        """Inputs by what becomes of them: given up, traced, or part of the program."""
        donated, arrays, plain = {}, {}, []
        for name, x in self._signature.bind(*args, **kwargs).arguments.items():
            if isinstance(x, PLAIN):
                plain.append((name, x))
            elif isinstance(x, Cache) and x.capacity is not None:
                donated[name] = x
            else:
                arrays[name] = np.asarray(x) if _is_numbers(x) else x
        return donated, arrays, tuple(plain)


def _is_numbers(x: Any) -> bool:
    """Whether x is a nested list of plain numbers."""
    leaves = jax.tree.leaves(x) if isinstance(x, list) else [None]
    return all(isinstance(leaf, int | float) for leaf in leaves)


def compile(model: nnx.Module) -> Compiled:
    """The model's call as a compiled function."""
    return Compiled(model)
