"""How searches run in TensorFlow: whole loops inside one `tf.function`."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ...generation.request import vocabulary
from . import caches as _caches
from . import ops as _ops
from .remapping import unfused
from .weights import read_outside

_PROGRAMS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Engine:
    """`compiled`: whether loops are inside a graph; the calls of a model in loops of Python are in
    any case. `jit_compile`: whether XLA compiles graphs."""

    compiled: bool = True
    jit_compile: bool = False

    ops, caches = _ops, _caches
    traces = True  # shapes should be few

    def call(self, model: Any, program: Callable, carry: Any, arrays: dict[str, Any]) -> Any:
        """What a program gives for a model; it is traced once for each combination of shapes, but
        not where these never come again."""
        if program.varies:
            return program(model, carry, arrays)
        known = _PROGRAMS.setdefault(model, {})
        key = program, self.jit_compile, vocabulary(model)
        if key not in known:
            compile = self.jit_compile or None
            known[key] = tf.function(Traced(program, model), autograph=False, jit_compile=compile)
        with unfused():
            return known[key](carry, {name: _traced(x) for name, x in arrays.items()})

    def takes(self, model: Any) -> tuple[str, ...]:
        """The names of a model's inputs."""
        names = tuple(name for name in inspect.signature(model.call).parameters)
        return tuple(name for name in names if name != "training")

    def result(self, sequences: Any) -> Any:
        """Sequences as callers get them: int32 [b, s]."""
        return sequences


def _traced(x: Any) -> Any:
    """A whole number as a tensor, or each would be traced for."""
    return tf.constant(x) if type(x) is int else x


class Traced:
    """A program for one model; an object, of which TensorFlow counts the shapes by itself."""

    def __init__(self, program: Callable, model: Any):
        self.program, self.model = program, weakref.ref(model)

    def __call__(self, carry: Any, arrays: dict[str, Any]) -> Any:
        model = self.model()
        with read_outside(model):
            return self.program(model, carry, arrays)
