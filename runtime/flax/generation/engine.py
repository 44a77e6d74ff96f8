"""How searches run in JAX: whole loops inside one compiled function."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from ...generation.calls import Carry
from ...generation.request import vocabulary
from . import caches as _caches
from . import ops as _ops

_PROGRAMS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

# A token's products read each weight once; with XLA's narrower default, instructions are what
# holds cores up and not memory. A core without so wide vectors takes its widest.
_CPU_OPTIONS = {"xla_cpu_prefer_vector_width": 512}


@dataclass(frozen=True)
class Engine:
    """`compiled`: whether loops are; the calls of a model in loops of Python are in any case."""

    compiled: bool = True

    ops, caches = _ops, _caches
    traces = True  # shapes should be few

    def call(self, model: Any, program: Callable, carry: Any, arrays: dict[str, Any]) -> Any:
        """What a program gives for a model; it is compiled once for each combination of shapes.

        Programs that say so take the cache in `carry` over: the new one has its place in memory.
        """
        cache, rest = (None, None) if carry is None else (carry.cache, tuple(carry)[1:])
        return _programs_of(model).run(program, cache, rest, arrays)

    def takes(self, model: Any) -> tuple[str, ...]:
        """The names of a model's inputs."""
        return tuple(name for name in inspect.signature(type(model).__call__).parameters)[1:]

    def result(self, sequences: Any) -> Any:
        """Sequences as callers get them: int32 [b, s]."""
        return sequences


class Programs:
    """The compiled functions of one model, which is taken apart once."""

    def __init__(self, model: Any):
        self.sign = _sign(model)
        self.graph, state = nnx.split(model)
        self.leaves, self.structure = jax.tree.flatten(state)
        self.known: dict[Callable, Callable] = {}

    def run(self, program: Callable, cache: Any, rest: Any, arrays: dict[str, Any]) -> Any:
        """What the program gives for the model as it is now."""
        if program not in self.known:

            def compiled(leaves: list, cache: Any, rest: Any, arrays: dict[str, Any]) -> Any:
                model = nnx.merge(self.graph, jax.tree.unflatten(self.structure, leaves))
                carry = None if rest is None else Carry(cache, *rest)
                return program(model, carry, arrays)

            donated = 1 if program.replaces else ()
            options = _CPU_OPTIONS if jax.default_backend() == "cpu" else None
            self.known[program] = jax.jit(
                compiled, donate_argnums=donated, compiler_options=options
            )
        return self.known[program](self.leaves, cache, rest, arrays)


def _programs_of(model: Any) -> Programs:
    found = _PROGRAMS.get(model)
    if found is None or found.sign != _sign(model):
        found = _PROGRAMS[model] = Programs(model)
    found.leaves = jax.tree.leaves(nnx.state(model))
    return found


def _sign(model: Any) -> tuple:
    """What programs are made anew for: another mode, another vocabulary."""
    return model.training, vocabulary(model)
