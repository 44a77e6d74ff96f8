"""One module or model in one framework: everything a template needs to print the class."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .. import ir
from ..language.sources import ModuleSource
from ..types import Layer, Static, Tensor, Type, strip_optional
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
        self.kept: dict[str, None] = {}
        self.kept_fields: dict[tuple[str, ...], None] = {}
        self.nullable_fields: dict[str, ir.Expr] = {}
        self.requested: dict[str, None] = {}
        self.block_pasts: dict[str, str] = {}
        self.sizes = Sizes()
        self.in_constructor = self.in_layout = False
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
            steps += self.writer_of(module).path_of(layer)
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
        if len(path) == 1 and field is not None and field.unlisted:
            return trees.call("getattr", config, ast.Constant(path[0]), ast.Constant(None))
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
            elif parameter.one_of and isinstance(parameter.type, Tensor):
                self.sizes.choices[parameter.name] = parameter.type
        opening = self.model_opening() if self.module and self.module.model else []
        return opening + self.body(self.node.body)

    @property
    def calls_base(self) -> bool:
        return any(layer.name == "base" for layer in self.module.layers)

    @property
    def own_states(self) -> bool:
        """A model that holds states itself, not through a base model."""
        return self.module.model and self.module.stateful and not self.calls_base

    @property
    def own_taps(self) -> bool:
        return self.module.model and bool(self.module.taps) and not self.calls_base

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
        if "use_cache" in given:
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
        choices = [p.name for p in self.module.inputs if p.one_of]
        if choices and not self.calls_base:
            self.use("one_of")
            lines.append(f"one_of({', '.join(f'{name}={name}' for name in choices)})")
        if self.own_taps:
            switches = ", ".join(f"{name}={name}" for name in self.switches(self.module))
            lines.append(f"taps = self.taps({switches})")
        if self.module.random and not self.calls_base:
            self.use("draws_of")
            lines.append("draws = draws_of(draws)")
        if self.own_states:
            lines.append(f"past = self.open_cache({self.program.spec.cache}, use_cache)")
        return lines

    def model_result(self, record: ir.RecordExpr, depth: int) -> list[str]:
        """The record with the outputs that effects add; a tuple where the caller asks for one."""
        indent = "    " * depth
        fields = [f"{name}={self.text(value)}" for name, value in record.fields]
        lines = []
        if self.own_states:
            count = self.new_tokens()
            lines += [f"{indent}if past is not None:", f"{indent}    past.advance({count})"]
            fields.append(f"{self.program.spec.cache}=past")
        source = "taps" if self.own_taps else self.base_local()
        for tap in self.ordered_taps():
            fields.append(f"{tap}={source}.{tap}")
        lines.append(f"{indent}output = {self.record_class()}({', '.join(fields)})")
        lines.append(
            f"{indent}return output if self.use_return_dict(return_dict) else output.to_tuple()"
        )
        return lines

    def new_tokens(self) -> str:
        """The number of tokens that a call adds to the cache: the length of its input."""
        first = next(p.type for p in self.module.inputs if p.one_of or p.default is ...)
        dim = strip_optional(first).shape[1].symbol
        return trees.text(self.dim_name(dim))

    def ordered_taps(self) -> list[str]:
        taps = list(self.module.taps)
        return [t for t in ("hidden_states", "attentions") if t in taps] + [
            t for t in taps if t not in ("hidden_states", "attentions")
        ]

    def base_local(self) -> str:
        for statement in self.module.body:
            if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.ModelCall):
                return statement.targets[0]
        return "outputs"

    # --- signature ------------------------------------------------------------------------------

    def arguments(self) -> list[Argument]:
        """Inputs in order; those of a model that may be absent default to None."""
        result = []
        required = [i for i, p in enumerate(self.node.inputs) if p.default is ... and not p.one_of]
        for i, parameter in enumerate(self.node.inputs):
            optional = parameter.one_of or parameter.default is None
            default = "None" if optional else repr(parameter.default)
            if i <= max(required, default=-1):
                default = None  # Python wants arguments without a default first
            annotation = self.annotation(strip_optional(parameter.type), optional)
            result.append(Argument(parameter.name, annotation, default, shape_text(parameter)))
        return result

    def annotation(self, kind: Type, optional: bool) -> str:
        if isinstance(kind, Tensor):
            text = self.tensor_annotation
        elif isinstance(kind, Static):
            text = {"number": "float", "any": "object"}.get(kind.kind, kind.kind)
        else:
            text = type(kind).__name__
            if text == "Mask":
                self.use("Mask")
            elif text == "ListOf":
                text = f"list[{self.tensor_annotation}]"
        return f"{text} | None" if optional else text

    tensor_annotation = "Tensor"

    def returns_annotation(self) -> str:
        kind = self.node.returns
        if isinstance(kind, Tensor):
            return self.tensor_annotation
        if hasattr(kind, "items") and not isinstance(kind, dict):
            return (
                f"tuple[{', '.join(self.annotation(strip_optional(k), False) for k in kind.items)}]"
            )
        return f"list[{self.tensor_annotation}]" if type(kind).__name__ == "ListOf" else "object"

    # --- cache layout ---------------------------------------------------------------------------

    def cache_layout(self) -> list[str]:
        """One dictionary of state kinds for each block of the stack that has states."""
        place = stateful_stack(self.program, self.module)
        if place is None:
            return []
        block, count, owner = place
        lines = ["config = self.config", "states = {}"]
        for state, module, conditions in states_of(self.program, block):
            writer = self.for_layout(module)
            self.use(state.kind)
            arguments = ", ".join(writer.inlined(value) for _, value in state.arguments)
            line = f"states[{state.name!r}] = {state.kind}({arguments})"
            tests = [self.for_layout(where).inlined(test) for where, test in conditions]
            lines += [f"if {' and '.join(tests)}:", f"    {line}"] if tests else [line]
        return [*lines, f"return [states] * {self.for_layout(owner).inlined(count.arguments[-1])}"]

    def for_layout(self, module: ir.Module) -> ModuleWriter:
        """A writer of expressions over `config` alone."""
        writer = type(self)(self.program, module, self.names)
        writer.in_constructor = writer.in_layout = True
        return writer

    def inlined(self, value: ir.Expr) -> str:
        """An expression with the module's sizes written out."""
        sizes = dict(self.module.sizes)
        tree = self.expr(value)

        class Inline(ast.NodeTransformer):
            def visit_Name(visitor, node):
                return visitor.visit(self.expr(sizes[node.id])) if node.id in sizes else node

        return trees.text(Inline().visit(tree))


def switch_of(tap: str) -> str:
    for ending in ("attentions", "hidden_states"):
        if tap.endswith(ending):
            return f"output_{ending}"
    return f"output_{tap}"


def shape_text(parameter: ir.Parameter) -> str:
    kind = strip_optional(parameter.type)
    return str(kind) if not isinstance(kind, Static) else kind.kind


def stateful_stack(program, module: ir.Module):
    """(block, its count, the module that holds the stack) of the first stack with states."""
    for layer in module.layers:
        kind = strip_optional(layer.type)
        element = getattr(kind, "element", None)
        inner_source = (element or kind).definition if isinstance(element or kind, Layer) else None
        if not isinstance(inner_source, ModuleSource):
            continue
        inner = program.module(inner_source)
        if inner is None or not inner.stateful:
            continue
        if element is not None:
            return inner, layer.loop[1], module
        found = stateful_stack(program, inner)
        if found:
            return found
    return None


def states_of(program, block: ir.Module, conditions: tuple = ()):
    """Every state in a block: its declaration, the module it is in, and the conditions under which
    it exists, each with the module that states it."""
    for state in block.states:
        own = ((block, state.condition),) if state.condition is not None else ()
        yield state, block, conditions + own
    for layer in block.layers:
        kind = strip_optional(layer.type)
        if isinstance(kind, Layer) and isinstance(kind.definition, ModuleSource):
            inner = program.module(kind.definition)
            if inner is not None and inner.stateful:
                own = ((block, layer.condition),) if layer.condition is not None else ()
                yield from states_of(program, inner, conditions + own)
