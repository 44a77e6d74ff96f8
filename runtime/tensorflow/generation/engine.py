"""How searches run in TensorFlow: whole loops inside one `tf.function`."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from . import caches as _caches
from . import ops as _ops

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
        """What a program gives for a model; it is traced once for each combination of shapes."""
        known = _PROGRAMS.setdefault(model, {})
        key = program, self.jit_compile, id(model.get_input_embeddings())
        if key not in known:
            compile = self.jit_compile or None
            known[key] = tf.function(Traced(program, model), autograph=False, jit_compile=compile)
        return known[key](carry, arrays)

    def takes(self, model: Any) -> tuple[str, ...]:
        """The names of a model's inputs."""
        names = tuple(name for name in inspect.signature(model.call).parameters)
        return tuple(name for name in names if name != "training")

    def result(self, sequences: Any) -> Any:
        """Sequences as callers get them: int32 [b, s]."""
        return sequences


class Traced:
    """A program for one model; an object, of which TensorFlow counts the shapes by itself."""

    def __init__(self, program: Callable, model: Any):
        self.program, self.model = program, weakref.ref(model)

    def __call__(self, carry: Any, arrays: dict[str, Any]) -> Any:
        return self.program(self.model(), carry, arrays)
