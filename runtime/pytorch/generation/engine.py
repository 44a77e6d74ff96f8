"""How searches run in PyTorch: step by step in Python, on a model that may be compiled."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ...generation.compilation import CompileConfig
from . import caches as _caches
from . import ops as _ops

_COMPILED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Engine:
    """`compile_config`: how the model's calls for single tokens are compiled; None: not at all."""

    compile_config: CompileConfig | None = None

    ops, caches = _ops, _caches
    compiled = False  # the loop itself is Python's

    @property
    def traces(self) -> bool:
        """Whether calls are compiled, so that their shapes should be few."""
        return self.compile_config is not None

    @classmethod
    def of(cls, config: Any) -> Engine:
        """One for some settings, of which None stands for not compiled."""
        return cls(CompileConfig.from_value(config))

    def call(self, model: Any, program: Callable, donated: Any, arrays: dict[str, Any]) -> Any:
        """What a program gives for a model."""
        if self.compile_config is not None:
            model = _compiled(model, self.compile_config)
            if "tokens" in arrays:  # a part of another tensor would be compiled for by itself
                tokens = arrays["tokens"].clone(memory_format=torch.contiguous_format)
                arrays = {**arrays, "tokens": tokens}
        return program(model, donated, arrays)

    def takes(self, model: Any) -> tuple[str, ...]:
        """The names of a model's inputs."""
        return tuple(name for name in inspect.signature(model.forward).parameters)

    def result(self, sequences: Any) -> Any:
        """Sequences as callers get them: int64 [b, s]."""
        return sequences


def _compiled(model: Any, config: CompileConfig) -> Callable:
    known = _COMPILED.setdefault(model, {})
    key = repr(config)
    if key not in known:
        known[key] = _Call(torch.compile(model, **config.to_dict()), model)
    return known[key]


class _Call:
    """A model whose calls are compiled."""

    def __init__(self, call: Callable, model: Any):
        self._call, self._model = call, weakref.proxy(model)

    def __call__(self, **inputs: Any) -> Any:
        return self._call(**inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
