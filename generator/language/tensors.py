"""The parameters of every module by their checkpoint names: names that occur twice, modules that
contain themselves, ties that do not fit, parameters without a rule for their first values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .. import ir
from ..diagnostics import Location, did_you_mean, quoted
from ..layers import LayerKind
from ..types import Layer, Static
from . import unify
from .sources import ModuleSource

if TYPE_CHECKING:
    from .program import Program

MOST = 20_000  # tensors of one module that are looked at
KINDS = ("linear", "embedding", "norm", "conv", "bias", "param")
RUNNING = ("running_mean", "running_var", "num_batches_tracked")  # first values of their own


@dataclass(frozen=True)
class Leaf:
    """A tensor of a module: its checkpoint name (`*` for an index), the kind of rule that fills it,
    whether it exists in some configurations only, and whether it is made of other stored ones."""

    name: str
    kind: str | None
    conditional: bool
    location: Location
    made: bool = False


def check_tensors(program: Program) -> None:
    reader = _Reader(program)
    found = [module for module in program.checked.values() if module is not None]
    modules = [module for module in found if not module.interface]
    if any(reader.contains_itself(module, ()) for module in modules):
        return
    for module in modules:
        reader.check_names(module)
        for layer in module.layers:
            _check_tie(program, layer)
    _check_rules(program, [leaf for module in modules for leaf in reader.leaves(module)])


class _Reader:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.known: dict[str, tuple[Leaf, ...]] = {}
        self.sound: set[str] = set()

    def inner(self, layer: ir.LayerDeclaration) -> ir.Module | None:
        definition = layer.construct.definition
        if isinstance(definition, ModuleSource) and not definition.interface:
            return self.program.module(definition)
        return None

    def contains_itself(self, module: ir.Module, outer: tuple[str, ...]) -> bool:
        if module.name in self.sound:
            return False
        for layer in module.layers:
            inner = self.inner(layer)
            if inner is not None and inner.name in (*outer, module.name):
                chain = " -> ".join([*outer, module.name, inner.name])
                message = f"{inner.name} contains itself"
                self.program.errors.error(layer.construct.location, message, found=chain)
                return True
            if inner is not None and self.contains_itself(inner, (*outer, module.name)):
                return True
        self.sound.add(module.name)
        return False

    def leaves(self, module: ir.Module) -> tuple[Leaf, ...]:
        if module.name not in self.known:
            found = (leaf for layer in module.layers for leaf in self.of_layer(layer))
            self.known[module.name] = tuple(
                leaf for leaf, _ in zip(found, range(MOST), strict=False)
            )
        return self.known[module.name]

    def of_layer(self, layer: ir.LayerDeclaration) -> Iterator[Leaf]:
        construct = layer.construct
        # What a transform makes has the layer's name, which no file holds.
        made = construct.naming is not None and construct.naming.transform is not None
        named = construct.naming is not None and not made
        prefix = construct.naming.path if named else layer.name
        if layer.name == "base" and construct.naming is None:
            prefix = self.program.spec.base or "base"
        steps = [prefix] if prefix else []
        steps += ["*"] if layer.loop is not None else []
        for leaf in self.of_construct(construct):
            name = ".".join([*steps, leaf.name] if leaf.name else steps)
            conditional = leaf.conditional or layer.condition is not None
            yield Leaf(name, leaf.kind, conditional, construct.location, made or leaf.made)

    def of_construct(self, construct: ir.Construct) -> Iterator[Leaf]:
        definition = construct.definition
        if isinstance(definition, LayerKind):
            given = {name: value.type for name, value in construct.arguments}
            for leaf, conditional in definition.tensors(given):
                declared = "bias_init" if leaf == "bias" else "init"
                own = construct.tied is not None or declared in dict(construct.rules)
                kind = None if own else rule_of(definition, leaf)
                yield Leaf(leaf, kind, conditional, construct.location)
        elif not definition.interface and (module := self.program.module(definition)) is not None:
            yield from self.leaves(module)

    def check_names(self, module: ir.Module) -> None:
        """Two layers of a module that store a tensor under one name."""
        seen: dict[str, tuple[str, Leaf]] = {}
        for layer in module.layers:
            for leaf in self.of_layer(layer):
                owner, first = seen.setdefault(leaf.name, (layer.name, leaf))
                unsure = leaf.conditional or first.conditional or leaf.made or first.made
                if owner == layer.name or unsure:
                    continue
                message = (
                    f"{module.name}: two tensors are called {quoted(leaf.name)} in checkpoints"
                )
                found = f"{owner} on line {first.location.line} and {layer.name}"
                self.program.errors.error(layer.construct.location, message, found=found)
                return


def rule_of(definition: LayerKind, leaf: str) -> str | None:
    """The kind of rule that gives a tensor its first values."""
    if leaf == "bias":
        return "bias"
    if leaf.startswith("parametrizations"):
        return "param"
    if leaf in RUNNING:
        return None
    for kind in ("norm", "conv", "embedding"):
        if kind in definition.name:
            return kind
    return definition.name if definition.name in KINDS else None


def _check_rules(program: Program, leaves: list[Leaf]) -> None:
    """Each tensor has a rule, each rule a tensor."""
    init = program.spec.init
    patterns = [key for key in init if key not in KINDS]
    names = {leaf.name.replace("*", "0") for leaf in leaves}
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in names):
            hint = did_you_mean(pattern, KINDS)
            message = f"no tensor is called {quoted(pattern)}, and no kind of layers"
            program.errors.error(init.key_locations[pattern], message, hint=hint)
    reported = set()
    for leaf in leaves:
        if leaf.kind is None or leaf.kind in init or leaf.kind in reported:
            continue
        if not any(_matches(leaf.name.replace("*", "0"), pattern) for pattern in patterns):
            reported.add(leaf.kind)
            hint = f"write a rule for '{leaf.kind}' under 'init'"
            program.errors.error(
                leaf.location, "nothing says which values this starts from", hint=hint
            )


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def _check_tie(program: Program, layer: ir.LayerDeclaration) -> None:
    """A tied matrix reads the table of an embedding, or another matrix, of its own shape."""
    construct, tied = layer.construct, layer.construct.tied
    if tied is None:
        return
    table = tied.type
    sizes = {
        "embedding": ("embedding_dim", "num_embeddings"),
        "scaled_embedding": ("embedding_dim", "num_embeddings"),
        "linear": ("in_features", "out_features"),
    }
    if not isinstance(table, Layer) or table.kind not in sizes:
        message = "a matrix is tied to an embedding or a linear layer"
        program.errors.error(tied.location, message, found=str(table))
        return
    own = {name: value.type for name, value in construct.arguments}
    fields = {name for schema in program.configs.values() for name in schema.names}
    for mine, its in zip(sizes["linear"], sizes[table.kind], strict=True):
        want, have = own.get(mine), dict(table.arguments).get(its)
        if (
            not isinstance(want, Static)
            or not isinstance(have, Static)
            or None in (want.dim, have.dim)
        ):
            continue
        if not have.dim.symbols | want.dim.symbols <= fields:
            continue  # sizes of another module, whose values are not known here
        if not unify.equal(want.dim, have.dim):
            message = f"the table has another size than {mine}"
            program.errors.error(
                tied.location, message, expected=str(want.dim), found=str(have.dim)
            )
