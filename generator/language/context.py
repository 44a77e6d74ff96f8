"""What a type rule sees of a call: the arguments' types and ways to compare sizes and to fail."""

from __future__ import annotations

import ast
from typing import Any, NoReturn

from .. import states
from ..dims import Dim
from ..ops.table import REQUIRED
from ..types import (
    FLOATS,
    NONE,
    UNKNOWN,
    ListOf,
    Optional,
    Static,
    Tensor,
    TupleOf,
    Type,
    integer,
)
from . import unify
from .typestrings import has_unknown, unknown_dim


class CallContext:
    """Used by the rules of ops and layers; see ops/rules.py."""

    def __init__(self, checker, node: ast.AST, name: str, params, arguments, extras=None) -> None:
        self.checker, self.node, self.name, self.params = checker, node, name, params
        self.arguments = arguments  # name -> ir.Expr
        self.extras = extras or {}
        self.runtime_dims = checker.scope.dims

    def fail(self, message: str, *, at: str | None = None, **details) -> NoReturn:
        node = self.node
        argument = self.arguments.get(at) or self.extras.get(at)
        if argument is not None and hasattr(argument, "location"):
            self.checker.fail_at(argument.location, message, **details)
        self.checker.fail(node, message, **details)

    def type(self, name: str) -> Type:
        if name in self.arguments:
            return self.arguments[name].type
        default = next((param.default for param in self.params if param.name == name), REQUIRED)
        if default is REQUIRED:
            self.fail(f"{self.name} needs the argument {name}")
        return default_type(default)

    def value(self, name: str) -> Any:
        """The static value; a tensor's value is UNKNOWN, an absent one is None."""
        kind = self.type(name)
        return kind.value if isinstance(kind, Static) else UNKNOWN

    def tensor(self, name: str) -> Tensor:
        kind = self.type(name)
        if isinstance(kind, Optional):
            hint = "test it with `is not None`"
            self.fail(
                f"{self.name}: the argument may be absent", found=str(kind), hint=hint, at=name
            )
        if not isinstance(kind, Tensor):
            self.fail(f"{self.name} takes a tensor", found=str(kind), at=name)
        return kind

    def float_tensor(self, name: str) -> Tensor:
        tensor = self.tensor(name)
        if tensor.dtype not in FLOATS:
            self.fail(f"{self.name} takes floats", found=str(tensor), at=name)
        return tensor

    def dim(self, name: str) -> Dim | None:
        kind = self.type(name)
        return kind.dim if isinstance(kind, Static) else None

    def extra_dim(self, name: str) -> Dim:
        kind = self.extras[name].type
        if not isinstance(kind, Static) or kind.kind not in ("int", "any"):
            self.fail(f"{self.name}: {name} is a static int", found=str(kind))
        return kind.dim or unknown_dim()

    def dims(self, name: str) -> tuple[Dim, ...]:
        """A list or tuple of static ints as sizes."""
        expr = self.arguments.get(name)
        items = getattr(expr, "items", None)
        if items is not None:
            sizes = []
            for item in items:
                if not isinstance(item.type, Static) or item.type.kind not in ("int", "any"):
                    self.fail(
                        f"{self.name}: {name} holds static ints", found=str(item.type), at=name
                    )
                sizes.append(item.type.dim or unknown_dim())
            return tuple(sizes)
        if isinstance(self.value(name), (list, tuple)):
            return tuple(Dim.of(size) for size in self.value(name))
        if self.dim(name) is not None:
            return (self.dim(name),)
        return self.fail(
            f"{self.name}: {name} is a list of sizes", found=str(self.type(name)), at=name
        )

    def items(self, name: str) -> list[Tensor]:
        kind = self.type(name)
        kinds = list(kind.items) if isinstance(kind, TupleOf) else None
        if isinstance(kind, ListOf):
            kinds = [kind.element]
        if not kinds or not all(isinstance(item, Tensor) for item in kinds):
            self.fail(f"{self.name} takes a list of tensors", found=str(kind), at=name)
        return kinds

    def same_dim(
        self, have: Dim, want: Dim, *, what: str | None = None, at: str | None = None
    ) -> None:
        if not unify.equal(have, want):
            message = f"{what} {want}" if what else f"{self.name}: sizes differ"
            self.fail(message, expected=None if what else str(want), found=str(have), at=at)

    def broadcast(self, left: Type, right: Type, *, at: str | None = None) -> Type:
        for kind in (left, right):
            if not isinstance(kind, (Tensor, Static)) or kind == NONE:
                self.fail(f"{self.name} takes tensors or numbers", found=str(kind), at=at)
        if isinstance(left, Static) or isinstance(right, Static):
            return right if isinstance(left, Static) else left
        result = unify.broadcast(left, right)
        if isinstance(result, str):
            self.fail(f"{self.name}: {result}", expected=str(left), found=str(right), at=at)
        return result

    def exact(self, dim: Dim, divisor: Dim) -> Dim:
        quotient = dim.exact(divisor)
        if quotient is None:
            return unknown_dim()
        if quotient.constant is None and dim.constant is not None and divisor.constant is not None:
            self.fail(f"{self.name}: {dim} is not divisible by {divisor}")
        return quotient

    def divides(self, dim: Dim, divisor: Dim) -> bool:
        quotient = dim.exact(divisor)
        return quotient is not None and (quotient.constant is not None or not divisor.symbols)

    def unknown(self, _: str) -> Dim:
        return unknown_dim()

    def is_unknown(self, dim: Dim) -> bool:
        return has_unknown(dim)

    def is_length(self, dim: Dim) -> bool:
        return states.is_length(dim)


class LayerContext(CallContext):
    """A call of a layer of the layer table; `size` reads its constructor's arguments."""

    def __init__(self, checker, node, layer, arguments) -> None:
        params = [type("Param", (), {"name": "x", "default": REQUIRED})]
        super().__init__(checker, node, layer.kind, params, arguments)
        self.layer, self.sizes = layer, dict(layer.arguments)

    def size(self, name: str) -> Dim:
        value = self.sizes.get(name)
        if isinstance(value, Static) and value.kind in ("float", "str"):
            self.fail_size(name, value)
        dim = value.dim if isinstance(value, Static) else None
        return dim if dim is not None else unknown_dim()

    def fail_size(self, name: str, value: Static) -> NoReturn:
        """Where the constructor is, if it is one of this module."""
        message = f"{self.name}: {name} is a whole number"
        hint = None if value.kind == "str" else "write exact(a, b) or a // b"
        for declaration in getattr(self.checker, "layers", ()):
            argument = dict(declaration.construct.arguments).get(name)
            if declaration.type is self.layer and argument is not None:
                self.checker.fail_at(argument.location, message, found=str(value), hint=hint)
        self.fail(message, found=str(value), hint=hint)


class StateContext(CallContext):
    """A call of a state's method."""

    def __init__(
        self, checker, node, state: str, method: str, sizes: dict, arguments: list
    ) -> None:
        numbered = {str(i): argument for i, argument in enumerate(arguments)}
        super().__init__(checker, node, f"{state}.{method}", (), numbered)
        self.state, self.method, self.sizes = state, method, sizes
        self.batch = unknown_dim()

    def size(self, name: str) -> Dim:
        return self.sizes.get(name) or unknown_dim()

    def tensors(self, count: int) -> list[Tensor]:
        if len(self.arguments) != count:
            self.fail(f"{self.name} takes {count} tensors", found=str(len(self.arguments)))
        return [self.float_tensor(name) for name in self.arguments]


def default_type(value: Any) -> Type:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return Static("bool", value=value)
    if isinstance(value, int):
        return integer(value)
    return Static(type(value).__name__, value=value)
