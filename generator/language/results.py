"""Results: what `returns` declares, and whether a `forward` returns it."""

from __future__ import annotations

import ast

from ..located import Map, Seq, value_location
from ..types import ERROR, Record, TupleOf, Type, free_symbols
from . import unify
from .calls import part_name
from .sources import place_of
from .typestrings import parse_type


class ResultMixin:
    """Reads `returns`, and checks each `return` against it."""

    def declared_result(self, data: Map) -> Type | None:
        declared = data["returns"]
        if isinstance(declared, Map):
            return self.declared_record(declared, self.outputs_name)
        if isinstance(declared, Seq):
            items = [self.type_at(declared, index) for index in range(len(declared))]
            return (
                None if None in items else TupleOf(tuple(self.resolve_like(item) for item in items))
            )
        parsed = self.type_at(data, "returns")
        return None if parsed is None else self.resolve_like(parsed)

    def declared_record(self, declared: Map, name: str) -> Record | None:
        """Outputs by name; those that are mappings themselves are records."""
        fields = []
        for field in declared:
            if isinstance(declared[field], Map):
                kind = self.declared_record(declared[field], part_name(name, field))
            elif (parsed := self.type_at(declared, field)) is not None:
                kind = self.resolve_like(parsed)
            else:
                kind = None
            fields.append((field, kind))
        return None if any(kind is None for _, kind in fields) else Record(name, tuple(fields))

    def type_at(self, container, key):
        return parse_type(
            str(container[key]), place_of(container, key), self.errors, self.scope.dim, result=True
        )

    def resolve_like(self, parsed) -> Type:
        if parsed.like is None:
            return parsed.type
        kind = self.scope.locals.get(parsed.like)
        if kind is None:
            location = value_location(self.module_source.data, "returns")
            hint = self.hint(parsed.like, self.scope.inputs)
            self.errors.error(
                location, f"{self.name}: returns like {parsed.like}, which is no input", hint=hint
            )
            return ERROR
        return kind

    def check_return(self, node: ast.AST, kind: Type) -> None:
        if self.returns is not None:
            free = free_symbols(self.returns) - self.scope.dims
            unifier = unify.Unifier(
                {symbol for symbol in free if self.program.is_runtime_dim(symbol)}
            )
            if isinstance(self.returns, Record):
                self.check_record(node, unifier, kind)
            elif fault := unifier.type(self.returns, kind):
                self.fail(
                    node,
                    "the result is not what `returns` declares",
                    expected=str(self.returns),
                    found=str(kind),
                    hint=unify.hint_of(fault),
                )
        self.result = kind if self.result is None else unify.join(self.result, kind) or kind

    def check_record(self, node: ast.AST, unifier: unify.Unifier, kind: Type) -> None:
        if not isinstance(kind, Record):
            hint = "write record(name=value)"
            self.fail(node, "`returns` declares outputs with names", found=str(kind), hint=hint)
        declared, found = dict(self.returns.fields), dict(kind.fields)
        given = {
            item.arg: item.value for item in getattr(getattr(node, "value", None), "keywords", ())
        }
        for name in found:
            if name not in declared:
                hint = self.hint(name, declared.keys() - found.keys())
                self.fail(
                    given.get(name, node),
                    f"`returns` does not declare the output {name}",
                    hint=hint,
                )
        for name, want in declared.items():
            if name not in found:
                self.fail(node, f"the output {name}, which `returns` declares, is missing")
            if fault := unifier.type(want, found[name]):
                message = f"the output {name} is not what `returns` declares"
                place = given.get(name, node)
                self.fail(
                    place,
                    message,
                    expected=str(want),
                    found=str(found[name]),
                    hint=unify.hint_of(fault),
                )
