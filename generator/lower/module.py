"""One module or model in one framework: everything a template needs to print the class."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass

from .. import ir
from ..configs import Field
from ..ir import switch_of
from ..language.sources import ModuleSource
from ..types import (
    Config,
    DictOf,
    Either,
    Layer,
    ListOf,
    Mask,
    Record,
    Static,
    Tensor,
    TupleOf,
    Type,
    strip_optional,
)
from . import trees
from .constructors import ConstructorWriter
from .dims import Sizes


@dataclass(frozen=True)
class Argument:
    """An argument of a generated function, with its text for the documentation."""

    name: str
    annotation: str
    default: str | None
    doc: str


class ModuleWriter(ConstructorWriter):
    """Frameworks derive from this; `names` collects the imports of the whole file."""

    class_prefix = ""
    reserved: frozenset[str] = frozenset()

    def __init__(self, program, module: ir.Module | ir.Function, names: dict[str, None]) -> None:
        self.program, self.names = program, names
        self.module = module if isinstance(module, ir.Module) else None
        self.node = module
        self.argument_names = {p.name for p in module.arguments} if self.module else set()
        self.size_names = set(dict(module.sizes)) if self.module else set()
        self.kept: dict[str, None] = {}
        self.kept_fields: dict[tuple[str, ...], None] = {}
        self.nullable_fields: dict[str, ir.Expr] = {}
        self.requested: dict[str, None] = {}
        self.block_pasts: dict[str, str] = {}
        self.sizes = Sizes()
        self.in_constructor = self.in_layout = False
        self.given: dict[str, ast.expr] = {}  # arguments that are known
        self.stateful = bool(self.module and self.module.stateful)

    # --- names ----------------------------------------------------------------------------------

    def class_name(self, name: str) -> str:
        return f"{self.class_prefix}{self.program.spec.prefix}{name}"

    def record_class(self) -> str:
        return f"{self.class_name(self.module.name)}Output"

    def module_of(self, kind: Type) -> ir.Module | None:
        if isinstance(kind, Layer) and isinstance(kind.definition, ModuleSource):
            return self.program.module(kind.definition)
        return None

    def layer_path(self, path: tuple[str, ...]) -> ast.expr:
        """`self.embeddings.word_embeddings`, through the attributes of each module on the way."""
        return trees.attribute(trees.name("self"), *self.attribute_steps(path))

    def attribute_steps(self, path: tuple[str, ...]) -> list[str]:
        """The attributes that lead to a layer, those of `Group`s included."""
        steps, module = [], self.module
        for step in path:
            layer = module.layer(step)
            steps += (
                [f"get_{step}()"] if module.interface else self.writer_of(module).path_of(layer)
            )
            module = self.module_of(strip_optional(layer.type))
        return steps

    def writer_of(self, module: ir.Module) -> ModuleWriter:
        return self if module is self.module else type(self)(self.program, module, {})

    def member(self, name: str) -> ast.expr:
        """A constructor argument or size, where it is used."""
        if self.in_constructor:
            return trees.name(name)
        self.kept.setdefault(name)
        return trees.attribute(trees.name("self"), name)

    def config_value(self, path: tuple[str, ...]) -> ast.expr:
        if not path:
            return trees.name("config") if self.in_constructor else trees.expression("self.config")
        if self.in_constructor:
            return self.field_of(trees.name("config"), path)
        if self.module is not None and self.module.model:
            return self.field_of(trees.expression("self.config"), path)
        self.kept_fields.setdefault(path)
        return trees.attribute(trees.name("self"), self.field_attribute(path))

    def nullable(self, path: tuple[str, ...], fallback: ir.Expr) -> ast.expr:
        """Constructors decide once what stands for null, and keep it for the forward."""
        (name,) = path
        taken = name in self.argument_names or any(
            name in self.path_of(layer) for layer in self.kept_layers
        )
        if taken or self.in_layout or (self.module.model and not self.in_constructor):
            return super().nullable(path, fallback)
        self.nullable_fields[name] = fallback
        return self.member(name)

    def field_of(self, config: ast.expr, path: tuple[str, ...]) -> ast.expr:
        field = self.program.configs[self.module.config].fields.get(path[0])
        if field is not None and is_open_part(self.program, field):
            part = trees.call(trees.attribute(config, "part"), ast.Constant(path[0]))
            return trees.attribute(part, *path[1:]) if path[1:] else part
        if len(path) == 1 and field is not None and field.unlisted:
            default = trees.constant(field.default)
            if self.in_layout:
                self.use("unlisted")
            read = "unlisted" if self.in_layout else "getattr"
            return trees.call(read, config, ast.Constant(path[0]), default)
        return trees.attribute(config, *path)

    def field_attribute(self, path: tuple[str, ...]) -> str:
        name = "_".join(path)
        taken = {self.path_of(layer)[0] for layer in self.kept_layers}
        return f"config_{name}" if name in taken else name

    # --- the class ------------------------------------------------------------------------------

    def forward(self) -> list[str]:
        """The lines of the forward, effects of models included."""
        for parameter in self.node.inputs:
            if not parameter.one_of and parameter.default is ...:
                self.sizes.add(parameter.name, parameter.type)
            elif parameter.one_of and isinstance(parameter.type, Tensor) and not parameter.unless:
                choices = self.sizes.choices.setdefault(parameter.group, {})
                choices[parameter.name] = parameter.type
        opening = self.model_opening() if self.module and self.module.model else []
        return opening + self.body(self.node.body)

    @property
    def calls_base(self) -> bool:
        """Whether a head calls its base as a whole, and not the base's layers instead."""
        return any(
            isinstance(node, ir.ModelCall) and node.layer.path == ("base",)
            for node in ir.walk(self.module.body)
        )

    @property
    def own_states(self) -> bool:
        """A model that holds states itself, not through a base model."""
        return self.module.model and self.module.stateful and self.state_owner is None

    @property
    def state_owner(self) -> ir.Expr | None:
        """The model among the layers that keeps the cache, if it is one."""
        for statement in self.module.body:
            call = getattr(statement, "value", None)
            if isinstance(call, ir.ModelCall):
                called = self.module_of(strip_optional(call.layer.type))
                if called.stateful:
                    return call.layer
        return None

    @property
    def draws_itself(self) -> bool:
        """A model that draws in its own code, or in a layer other than its base."""
        if not self.module.random or not self.calls_base:
            return self.module.random
        kinds = [strip_optional(layer.type) for layer in self.module.layers if layer.name != "base"]
        parts = [self.module_of(getattr(kind, "element", kind)) for kind in kinds]
        return any(part is not None and part.random for part in parts)

    @property
    def own_taps(self) -> bool:
        passed = {name for name, _, _ in self.module.passed}
        return self.module.model and not passed.issuperset(self.module.taps)

    @property
    def only_passes_on(self) -> bool:
        """A head that gives what its base emits: its own layers add nothing of the same names."""
        return self.module.model and not self.own_taps and not self.module.method_of

    def taps_for(self, layer: ir.Expr) -> ast.expr:
        if self.only_passes_on:
            self.use("NO_TAPS")
            return trees.name("NO_TAPS")
        return super().taps_for(layer)

    def switches(self, module: ir.Module) -> list[str]:
        """The `output_*` inputs of a model."""
        found: dict[str, None] = {}
        for tap in module.taps:
            found.setdefault(switch_of(tap))
        ordered = [s for s in ("output_attentions", "output_hidden_states") if s in found]
        return ordered + [switch for switch in found if switch not in ordered]

    def effect_inputs(self, module: ir.Module) -> list[str]:
        """Inputs that the compiler adds and that are passed on to a base model."""
        cache = [self.program.spec.cache, "use_cache"] if module.stateful else []
        draws = ["draws"] if module.random else []
        return [*cache, *draws, *self.switches(module)]

    def effect_arguments(self) -> list[str]:
        """Keyword-only arguments of a module that its effects need."""
        items = []
        if self.module.stateful:
            self.use("Slots")
            items.append("past: Slots | None = None")
        if self.module.random:
            self.use("Draws")
            items.append("draws: Draws")
        if self.module.taps:
            self.use("Taps")
            items.append("taps: Taps")
        return items

    def expr_ModelCall(self, node: ir.ModelCall) -> ast.expr:
        tree = super().expr_ModelCall(node)
        module = self.module_of(strip_optional(node.layer.type))
        given = dict(node.arguments)
        for keyword in tree.keywords:
            own = not module.tap_types and keyword.arg in self.switches(module)
            if own and keyword.arg in node.declined:
                keyword.value = ast.Constant(False)
            elif own and keyword.arg in given:
                asked = [self.expr(given[keyword.arg]), trees.name(keyword.arg)]
                keyword.value = ast.BoolOp(ast.Or(), asked)
        if "use_cache" in given and module.stateful:
            tree.keywords = [k for k in tree.keywords if k.arg != "use_cache"]
            index = next(i for i, k in enumerate(tree.keywords) if k.arg == self.program.spec.cache)
            tree.keywords.insert(index + 1, ast.keyword("use_cache", self.expr(given["use_cache"])))
        elif module.stateful and not self.module.stateful:
            tree.keywords.insert(-1, ast.keyword("use_cache", ast.Constant(False)))
        elif module.stateful and not self.module.returns_cache:
            index = next(i for i, k in enumerate(tree.keywords) if k.arg == "use_cache")
            tree.keywords[index].value = trees.expression("bool(use_cache)")
        return tree

    def model_opening(self) -> list[str]:
        lines = []
        if self.module.method_of:
            return self.method_opening()
        for mapping in dict.fromkeys(p.mapping for p in self.module.inputs if p.mapping):
            self.use("entries")
            parts = self.entries_of(mapping)
            needed = tuple(p.entry for p in parts if p.default is ...)
            optional = tuple(p.entry for p in parts if p.default is not ...)
            targets = ", ".join(p.name for p in parts) + ("," if len(parts) == 1 else "")
            given = f"{mapping}, {mapping!r}, {needed!r}" + (f", {optional!r}" if optional else "")
            lines.append(f"{targets} = entries({given})")
        groups: dict[str, list[ir.Parameter]] = {}
        for parameter in self.module.inputs:
            if parameter.one_of and not self.calls_base:
                groups.setdefault(parameter.group, []).append(parameter)
        for choices in groups.values():
            self.use("one_of")
            given = [f"{p.name}={p.name}" for p in choices]
            given += {f"unless={p.unless}": 0 for p in choices if p.unless}
            lines.append(f"one_of({', '.join(given)})")
        if self.own_taps:
            switches = ", ".join(f"{name}={name}" for name in self.switches(self.module))
            lines.append(f"taps = self.taps({switches})")
        if self.draws_itself:
            self.use("draws_of")
            lines.append("draws = draws_of(draws)")
        if self.own_states:
            lines.append(f"past = self.open_cache({self.program.spec.cache}, use_cache)")
        return lines

    def method_opening(self) -> list[str]:
        """Methods have none of the inputs that the compiler adds."""
        lines = []
        if self.module.taps:
            self.use("NO_TAPS")
            lines.append("taps = NO_TAPS")
        if self.module.random:
            self.use("draws_of")
            lines.append("draws = draws_of(None)")
        return lines

    def model_result(self, record: ir.RecordExpr, depth: int) -> list[str]:
        """The record with the outputs that effects add; a tuple where the caller asks for one."""
        indent = "    " * depth
        values = {name: self.text(value) for name, value in record.fields}
        lines = []
        if self.own_states:
            count = self.new_tokens()
            lines += [f"{indent}if past is not None:", f"{indent}    past.advance({count})"]
            values[self.program.spec.cache] = "past"
        passed = {name: self.passed_on(local, tap) for name, local, tap in self.module.passed}
        values |= {tap: passed.get(tap, f"taps.{tap}") for tap in self.ordered_taps()}
        fields = ", ".join(f"{name}={values[name]}" for name in self.output_order(values))
        lines.append(f"{indent}output = {self.record_class()}({fields})")
        lines.append(
            f"{indent}return output if self.use_return_dict(return_dict) else output.to_tuple()"
        )
        return lines

    def passed_on(self, local: str, tap: str) -> str:
        """What a model that was called has emitted, if it was called."""
        value = f"{local}.{tap}"
        return (
            f"{value} if {local} is not None else None" if local in self.module.perhaps else value
        )

    def new_tokens(self) -> str:
        """The number of tokens that a call adds to the cache: the length of what the part with
        states is given, or of the first input where the model has the states itself."""
        for node in ir.walk(self.module.body):
            inner = self.module_of(strip_optional(node.layer.type)) if is_layer_call(node) else None
            if inner is not None and inner.stateful and not inner.block:
                given = next(v for _, v in node.arguments if isinstance(v.type, Tensor))
                symbol = given.type.shape[1].symbol
                if symbol is not None and self.program.is_runtime_dim(symbol):
                    return trees.text(self.dim_name(symbol))
                return f"{self.shape(trees.text(self.expr(given)))}[1]"
        first = next(p.type for p in self.module.inputs if p.one_of or p.default is ...)
        dim = strip_optional(first).shape[1].symbol
        return trees.text(self.dim_name(dim))

    def output_order(self, names: Collection[str]) -> list[str]:
        """Outputs, the cache, and taps; the parts of a model with the last one first.

        What a part returns at its end (`encoder_last_hidden_state`) stands before its taps.
        """
        taps = self.ordered_taps()
        parts = [
            tap.removesuffix("_hidden_states") for tap in taps if tap.endswith("_hidden_states")
        ]
        earlier = parts[-2::-1]
        ends = {part: [f"{part}_last_hidden_state"] for part in earlier}
        ends = {
            part: [*ends[part], *(t for t in taps if t.startswith(f"{part}_"))] for part in ends
        }
        moved = [name for part in earlier for name in ends[part] if name in names]
        return [
            *(name for name in names if name not in moved and name not in taps),
            *(tap for tap in taps if tap not in moved),
            *moved,
        ]

    def ordered_taps(self) -> list[str]:
        taps = list(self.module.shown_taps)
        return [t for t in ("hidden_states", "attentions") if t in taps] + [
            t for t in taps if t not in ("hidden_states", "attentions")
        ]

    # --- signature ------------------------------------------------------------------------------

    def arguments(self) -> list[Argument]:
        """Inputs in order; those of a model that may be absent default to None."""
        result = []
        required = [
            i
            for i, p in enumerate(self.node.inputs)
            if p.default is ... and not p.one_of and not p.mapping
        ]
        for i, parameter in enumerate(self.node.inputs):
            optional = parameter.one_of or parameter.default is None
            default = "None" if optional else repr(parameter.default)
            if i <= max(required, default=-1):
                default = None  # Python wants arguments without a default first
            annotation = self.annotation(strip_optional(parameter.type), optional)
            if parameter.mapping is None:
                result.append(Argument(parameter.name, annotation, default, shape_text(parameter)))
            elif parameter.mapping not in [argument.name for argument in result]:
                result.append(self.mapping_argument(parameter.mapping))
        return result

    def mapping_argument(self, name: str) -> Argument:
        """An input that is a mapping; `entries` says what it lacks, also where it is absent."""
        parts = self.entries_of(name)
        lines = [f"{p.entry}: {shape_text(p)}" for p in parts]
        doc = "\n            ".join(["a mapping", *lines])
        return Argument(name, f"dict[str, {self.tensor_annotation}] | None", "None", doc)

    def entries_of(self, name: str) -> list[ir.Parameter]:
        return [parameter for parameter in self.node.inputs if parameter.mapping == name]

    def annotation(self, kind: Type, optional: bool) -> str:
        if isinstance(kind, Tensor):
            text = self.tensor_annotation
        elif isinstance(kind, Static):
            text = {"number": "float", "any": "object"}.get(kind.kind, kind.kind)
        else:
            text = self.composed_annotation(kind)
        return f"{text} | None" if optional else text

    def composed_annotation(self, kind: Type) -> str:
        """Of tensors in a list, under names or both, or a choice of such; others have a class."""
        if isinstance(kind, ListOf):
            return f"list[{self.composed_annotation(kind.element)}]"
        if isinstance(kind, Either):
            return " | ".join(map(self.composed_annotation, kind.items))
        if isinstance(kind, (DictOf, Record)):
            return f"dict[str, {self.tensor_annotation}]"
        if isinstance(kind, Tensor):
            return self.tensor_annotation
        if isinstance(kind, Mask):
            self.use("Mask")
        return type(kind).__name__

    tensor_annotation = "Tensor"

    def returns_annotation(self) -> str:
        kind = self.node.returns
        if isinstance(kind, Tensor):
            return self.tensor_annotation
        if isinstance(kind, TupleOf):
            return (
                f"tuple[{', '.join(self.annotation(strip_optional(k), False) for k in kind.items)}]"
            )
        return f"list[{self.tensor_annotation}]" if type(kind).__name__ == "ListOf" else "object"

    # --- cache layout ---------------------------------------------------------------------------

    def cache_layout(self) -> list[str]:
        """One dictionary of state kinds for each block of the stack that has states."""
        owner = self.state_owner
        if owner is not None:
            return [f"return {trees.text(self.layer_path(owner.path))}.cache_layout()"]
        place = stateful_stack(self.program, Place(self.module))
        if place is None:
            return []
        block, (variable, count) = place
        lines, names = ["states = {}"], set()
        for state, module, conditions in states_of(self.program, block):
            writer = self.for_layout(module)
            self.use(state.kind)
            values = [writer.inlined(value) for _, value in state.arguments]
            tests = [self.for_layout(where).inlined(test) for where, test in conditions]
            found = [node for tree in values + tests for node in ast.walk(tree)]
            names |= {node.id for node in found if isinstance(node, ast.Name)}
            line = f"states[{state.name!r}] = {state.kind}({', '.join(map(trees.text, values))})"
            test = " and ".join(map(trees.text, tests))
            lines += [f"if {test}:", f"    {line}"] if tests else [line]
        stop = trees.text(self.for_layout(block.outer).inlined(count.arguments[-1]))
        if variable not in names:
            return ["config = self.config", *lines, f"return [states] * {stop}"]
        lines = [f"    {line}" for line in [*lines, "layout.append(states)"]]
        loop = f"for {variable} in range({stop}):"
        return ["config = self.config", "layout = []", loop, *lines, "return layout"]

    def for_layout(self, place: Place) -> ModuleWriter:
        """A writer of expressions over `config`, and the number of a block, alone."""
        writer = type(self)(self.program, place.module, self.names)
        writer.in_constructor = writer.in_layout = True
        if place.made is not None:
            outer, given = self.for_layout(place.outer), dict(place.made.arguments)
            for parameter in place.module.arguments:
                argument = given.get(parameter.name)
                writer.given[parameter.name] = (
                    trees.constant(parameter.default)
                    if argument is None
                    else outer.inlined(argument)
                )
        return writer

    def inlined(self, value: ir.Expr) -> ast.expr:
        """An expression with the module's sizes and arguments written out."""
        sizes = dict(self.module.sizes)

        class Inline(ast.NodeTransformer):
            def visit_Name(visitor, node):
                if node.id in self.given:
                    return self.given[node.id]
                return visitor.visit(self.expr(sizes[node.id])) if node.id in sizes else node

        return Inline().visit(self.expr(value))


@dataclass(frozen=True)
class Place:
    """A module where it stands: what it is made with, and in which module."""

    module: ir.Module
    made: ir.Construct | None = None
    outer: Place | None = None


def is_open_part(program, field: Field) -> bool:
    """Whether a field holds the configuration of any model, and has none by default."""
    kind = field.type
    is_open = isinstance(kind, Config) and program.configs[kind.name].interface
    return is_open and field.default is None


def is_layer_call(node) -> bool:
    return isinstance(node, ir.LayerCall)


def shape_text(parameter: ir.Parameter) -> str:
    kind = strip_optional(parameter.type)
    return str(kind) if not isinstance(kind, Static) else kind.kind


def stateful_stack(program, place: Place) -> tuple[Place, tuple[str, ir.Expr]] | None:
    """The block of the first stack with states, and the stack's variable and count."""
    for layer in place.module.layers:
        kind = strip_optional(layer.type)
        element = getattr(kind, "element", None)
        inner_source = (element or kind).definition if isinstance(element or kind, Layer) else None
        if not isinstance(inner_source, ModuleSource):
            continue
        inner = program.module(inner_source)
        if inner is None or not inner.stateful:
            continue
        inner_place = Place(inner, layer.construct, place)
        if element is not None:
            return inner_place, layer.loop
        found = stateful_stack(program, inner_place)
        if found:
            return found
    return None


def states_of(program, place: Place, conditions: tuple = ()):
    """Every state in a block: its declaration, where it is, and the conditions under which it
    exists, each with the place that states it."""
    for state in place.module.states:
        own = ((place, state.condition),) if state.condition is not None else ()
        yield state, place, conditions + own
    for layer in place.module.layers:
        kind = strip_optional(layer.type)
        if isinstance(kind, Layer) and isinstance(kind.definition, ModuleSource):
            inner = program.module(kind.definition)
            if inner is not None and inner.stateful:
                own = ((place, layer.condition),) if layer.condition is not None else ()
                yield from states_of(
                    program, Place(inner, layer.construct, place), conditions + own
                )
