"""What a row of the op table is, and how it is declared.

A lowering is a quoted Python expression. Names of parameters are holes, filled with the lowered
arguments as syntax trees; a keyword whose argument has its default is left out; other names are
imports that the back end knows or finds in the framework's part of the runtime. Where an
expression cannot say it, the lowering is a function of the back end and the call, which gives the
tree, or the expression that suits the call.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..types import Type

REQUIRED = ...
FRAMEWORKS = ("pytorch", "tensorflow", "flax")


@dataclass(frozen=True)
class Param:
    name: str
    default: Any = REQUIRED


@dataclass(frozen=True)
class Op:
    name: str
    params: tuple[Param, ...]
    rule: Callable[..., Type]
    lowerings: dict[str, str | Callable]
    effects: frozenset[str]

    @property
    def signature(self) -> str:
        parts = [
            p.name if p.default is REQUIRED else f"{p.name}={p.default!r}" for p in self.params
        ]
        return f"{self.name}({', '.join(parts)})"


OPS: dict[str, Op] = {}


def parse_signature(signature: str) -> tuple[str, tuple[Param, ...]]:
    call = ast.parse(signature, mode="eval").body
    params = [Param(argument.id) for argument in call.args]
    params += [Param(item.arg, ast.literal_eval(item.value)) for item in call.keywords]
    return call.func.id, tuple(params)


def op(signature: str, rule: Callable[..., Type], *lowerings: str | Callable, effects=()) -> None:
    """Add a row; one lowering stands for all three frameworks."""
    name, params = parse_signature(signature)
    if name in OPS:
        raise ValueError(f"op {name} is declared twice")
    if len(lowerings) == 1:
        lowerings *= len(FRAMEWORKS)
    by_framework = dict(zip(FRAMEWORKS, lowerings, strict=True))
    OPS[name] = Op(name, params, rule, by_framework, frozenset(effects))
