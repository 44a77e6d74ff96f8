"""A whole spec: its configurations, functions, modules and models, checked on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property

from .. import ir
from ..configs import ConfigSchema, common_schema, read_config, read_interface, static_of
from ..diagnostics import Diagnostics, Location, did_you_mean
from ..dims import Dim
from ..forecasts import called
from ..legality import check_program
from ..located import Map, Seq
from ..ops.table import REQUIRED
from ..records import RecordKinds, read_records
from ..spec import Spec
from ..types import (
    ERROR,
    UNKNOWN,
    Layer,
    Optional,
    Record,
    Stack,
    Static,
    Tensor,
    Type,
    is_optional,
    make_optional,
    strip_optional,
)
from .declarations import check_declarations
from .faults import Failure
from .members import read_parameters
from .modules import Checker
from .sources import BASE_MODEL, ModuleSource, place_of, role_path
from .typestrings import parse_type

NAMES_BASE = re.compile(r"^[^#\n]*\bbase[.(]", re.MULTILINE)  # not in a comment


@dataclass
class Program:
    """`modules` and `models` hold typed IR once `check` has run."""

    spec: Spec
    errors: Diagnostics = field(default_factory=Diagnostics)
    records: dict[str, RecordKinds] = field(default_factory=dict)
    configs: dict[str, ConfigSchema] = field(default_factory=dict)
    sources: dict[str, ModuleSource] = field(default_factory=dict)
    checked: dict[str, ir.Module | None] = field(default_factory=dict)
    interfaces: dict[str, ModuleSource] = field(default_factory=dict)
    functions: dict[str, ir.Function | None] = field(default_factory=dict)
    used_functions: dict[str, None] = field(default_factory=dict)
    fallbacks: dict[tuple[str, str], ir.Expr] = field(default_factory=dict)  # of null fields
    _function_sources: dict[str, ModuleSource] = field(default_factory=dict)
    _parameters: dict[str, tuple[ir.Parameter, ...]] = field(default_factory=dict)
    _specialised: dict[tuple, Type] = field(default_factory=dict)
    _concrete: dict[str, Type] = field(default_factory=dict)
    in_progress: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = self.spec
        shared = [data["records"] for data in spec.libraries.values() if "records" in data]
        self.records = read_records([*shared, spec.records], self.errors)
        if spec.configs is not None:
            entries, configs = tuple(spec.configs), spec.configs
        else:
            entries, configs = (), {"main": spec.config or Map(spec.merged.location)}
        for entry, data in configs.items():
            self.configs[entry] = read_config(entry, data, entries, self.errors, self.records)
        for library in spec.libraries.values():
            for name, data in library.get("interfaces", {}).items():
                location = library["interfaces"].key_locations[name]
                self.configs[name] = read_interface(name, data.get("config"), location)
                self.interfaces[name] = ModuleSource(
                    name, data, True, name, location=location, interface=True
                )
        self._field_names = {name for schema in self.configs.values() for name in schema.names}
        for name, data in spec.modules.items():
            self._add(name, data, False, spec.modules.key_locations[name])
        for name, item in spec.lookup.items():
            if item.kind == "module" and name not in self.sources:
                self._add(name, item.body, False, item.location)
        for name, data in spec.models.items():
            self._add(name, data, True, spec.models.key_locations[name])

    def _add(self, name: str, data: Map, model: bool, location: Location) -> None:
        entry = self._entry(name, data.get("config", "main"), location)
        self.sources[name] = ModuleSource(
            name, data, model, entry, data.get("bindings"), data.get("names"), location
        )

    def _entry(self, name: str, wanted: str | Seq, location: Location) -> str:
        """The configuration that a module's names come from; of several, what all of them have."""
        entries = [wanted] if isinstance(wanted, str) else list(wanted)
        for entry in entries:
            if entry not in self.configs:
                expected = ", ".join(self.configs)
                self.errors.error(location, f"{name}: no configuration {entry}", expected=expected)
                return next(iter(self.configs))
        if len(entries) == 1:
            return entries[0]
        schema = common_schema([self.configs[entry] for entry in entries])
        self.configs.setdefault(schema.entry, schema)
        return schema.entry

    def check(self) -> None:
        """Check every model and module of the spec; raises SpecError with all errors."""
        for name, source in self.sources.items():
            if source.model or name in self.spec.modules:
                self.module(source)
        used = dict(self.used_functions)
        for name in self.spec.functions:
            self.function(name)
        for model in self.spec.models.values():
            for function in model.get("generates", {}).get("inputs", {}).values():
                if function in self.spec.functions:
                    used.setdefault(function)
            used |= dict.fromkeys(f for f in called(model.get("forecasts")) if self.function(f))
        self.used_functions = used  # only those that a model needs are written
        self._check_implements()
        self.errors.raise_if_any()
        self._check_all_checked()
        check_declarations(self)
        self._mark_blocks()
        check_program(self)

    def _check_all_checked(self) -> None:
        """What failed without a word would be missing in the code without a word."""
        for name, found in (self.checked | self.functions).items():
            if found is None:
                source = self.sources.get(name) or self._function_sources[name]
                message = f"{name} cannot be written, and the reason is not known: a fault of ours"
                self.errors.error(source.location, message)
        self.errors.raise_if_any()

    def report(self, message: str, location: Location, **details) -> None:
        """Keeps what only lowering can see, which goes on; rendering fails when all is lowered."""
        self.errors.error(location, message, **details)

    @cached_property
    def keeps_states(self) -> bool:
        """Whether any module that the spec's models are built from has a state."""
        todo, seen = list(self.spec.models), set()
        while todo:
            name = todo.pop()
            source = self.sources.get(name) or self.interfaces.get(name)
            if name in seen or source is None:
                continue
            if source.data.get("states") or source.data.get("cached"):
                return True
            seen.add(name)
            made = [*source.data.get("layers", {}).values(), source.data.get("base", "")]
            todo += [word for text in made for word in re.findall(r"[A-Za-z_]\w*", str(text))]
        return False

    @property
    def models(self) -> list[ir.Module]:
        return [self.checked[name] for name in self.spec.models if self.checked.get(name)]

    @property
    def modules(self) -> list[ir.Module]:
        """Modules that are used, callees first."""
        return [module for module in self.checked.values() if module and not module.model]

    def always_built(self) -> set[str]:
        """Models, and the modules that they are built from whatever the configuration says."""
        found: set[str] = set()
        todo = list(self.models)
        while todo:
            module = todo.pop(0)
            if module.name in found:
                continue
            found.add(module.name)
            layers = [layer for layer in module.layers if layer.condition is None]
            kinds = [strip_optional(layer.type) for layer in layers]
            names = [getattr(getattr(kind, "element", kind), "kind", "") for kind in kinds]
            todo += [self.checked[name] for name in names if self.checked.get(name)]
        return found

    def source(self, name: str) -> ModuleSource | None:
        return self.sources.get(name)

    def parameters(self, source: ModuleSource) -> tuple[ir.Parameter, ...]:
        if source.key not in self._parameters:
            self._parameters[source.key] = read_parameters(source, self.errors)
        return self._parameters[source.key]

    def module(self, source: ModuleSource) -> ir.Module | None:
        if source.key in self.checked:
            return self.checked[source.key]
        if source.key in self.in_progress:
            chain = " -> ".join([*self.in_progress, source.name])
            self.errors.error(source.location, f"{source.name} contains itself", found=chain)
            return None
        self.in_progress.append(source.key)
        checker = Checker(self, source, self.errors)
        result = checker.check_interface() if source.interface else checker.check()
        self.in_progress.pop()
        self.checked[source.key] = result
        return result

    def is_runtime_dim(self, symbol: str) -> bool:
        return symbol not in self._field_names and "." not in symbol and not symbol.startswith("?")

    def check_role(self, role: str, checker: Checker, roles: Map | None = None) -> None:
        """Fails, where the role is declared, unless its path leads to a layer of the model.

        `roles`: those of a head; otherwise those of the spec, whose paths begin in its `Model`.
        """
        roles = self.spec.roles if roles is None else roles
        names = dict(checker.scope.layers)
        for step in role_path(checker.module_source, roles, role):
            if step not in names:
                message = f"the role {role}: {checker.name} has no layer {roles[role]}"
                hint = did_you_mean(step, names)
                self.errors.error(roles.value_locations[role], message, hint=hint)
                raise Failure
            definition = getattr(strip_optional(names[step]), "definition", None)
            inner = self.module(definition) if isinstance(definition, ModuleSource) else None
            if inner is None and isinstance(definition, ModuleSource):
                raise Failure  # the module's own errors are reported
            names = {layer.name: layer.type for layer in inner.layers} if inner else {}

    # --- inputs ---------------------------------------------------------------------------------

    def uses_base(self, source: ModuleSource) -> bool:
        """Whether a model says what its base is, takes its inputs, or speaks of it."""
        if "base" in source.data:
            return True
        if self.base_source(source) in (None, source):
            return False
        inputs = source.data.get("inputs", ())
        if not isinstance(inputs, Map) and any(
            isinstance(i, str) and i.startswith("...") for i in inputs
        ):
            return True
        texts = (source.data.get("forward", ""), *source.data.get("layers", {}).values())
        return any(NAMES_BASE.search(str(text)) for text in texts)

    @property
    def main_entry(self) -> str:
        """The configuration of the spec as a whole; of several without that name, the first."""
        return "main" if "main" in self.configs else next(iter(self.configs))

    @property
    def base_model(self) -> str:
        """The model whose layers have the spec's roles: `Model`, or what the others call theirs."""
        models = self.spec.models
        bases = (str(model["base"]).split("(")[0] for model in models.values() if "base" in model)
        return BASE_MODEL if BASE_MODEL in models else next(bases, BASE_MODEL)

    def base_source(self, source: ModuleSource) -> ModuleSource | None:
        name = str(source.data.get("base", BASE_MODEL)).split("(")[0].split("@")[0].strip()
        return self.sources.get(name)

    def inputs(self, source: ModuleSource, checker: Checker) -> tuple[ir.Parameter, ...]:
        checker.input_types = {}
        declared = source.call.get("inputs", {})
        if isinstance(declared, Map):
            return tuple(self._input(declared, name, checker) for name in declared)
        parameters: list[ir.Parameter] = []
        for index, item in enumerate(declared):
            if isinstance(item, str):
                parameters += self._base_inputs(
                    source, item, checker, declared.item_locations[index]
                )
            elif "one_of" in item:
                parameters += self._choices(item, checker)
            elif "entries" in item:
                parameters += self._entries(item, checker)
            else:
                parameters += [self._input(item, name, checker) for name in item]
        return tuple(sorted_inputs(parameters))

    def _choices(self, item: Map, checker: Checker) -> list[ir.Parameter]:
        """Inputs of which one is given; `group` tells several choices of a model apart."""
        names, group, unless = item["one_of"], item.get("group", ""), item.get("unless")
        found = [self._input(names, name, checker, one_of=True) for name in names]
        return [replace(parameter, group=group, unless=unless) for parameter in found]

    def _entries(self, item: Map, checker: Checker) -> list[ir.Parameter]:
        """An input that is a mapping: inputs called after it and the entry, those needed first."""
        names, mapping = item["entries"], item["mapping"]
        found = [
            replace(self._input(names, name, checker), mapping=mapping, entry=name)
            for name in names
        ]
        named = [replace(entry, name=f"{mapping}_{entry.entry}") for entry in found]
        return sorted(named, key=lambda entry: entry.default is not ...)

    def _base_inputs(self, source, item: str, checker, location) -> list[ir.Parameter]:
        """The base's inputs; `... [b, choices]` puts these sizes in place of each one's first."""
        base_source = self.base_source(source)
        if base_source is source:
            message = (
                f"{source.name}: '...' stands for the inputs of a base model, and this is the base"
            )
            self.errors.error(location, message)
        base = self.module(base_source) if base_source not in (None, source) else None
        if base is None:  # reported, here or where the base is declared
            checker.failed = True
            return []
        omitted = source.data.get("without", ())
        inputs = [parameter for parameter in base.inputs if parameter.name not in omitted]
        leading = item[3:].strip()
        if not leading:
            return inputs
        parsed = parse_type(f"int{leading}", lambda *_: location, self.errors, checker.scope.dim)
        if parsed is None:
            return []
        return [_with_leading(parameter, parsed.type.shape) for parameter in inputs]

    def _input(self, container: Map, name: str, checker, one_of: bool = False) -> ir.Parameter:
        parsed = parse_type(
            str(container[name]), place_of(container, name), self.errors, checker.scope.dim
        )
        location = container.key_locations[name]
        if parsed is None:
            checker.failed = True
            return ir.Parameter(name, ERROR, location)
        kind, default = parsed.type, parsed.default
        if parsed.like is not None:
            if parsed.like not in checker.input_types:
                message = f"{checker.name}: no input before {name} is called {parsed.like}"
                hint = did_you_mean(parsed.like, checker.input_types)
                self.errors.error(location, message, hint=hint)
                checker.failed = True
            kind = checker.input_types.get(parsed.like, ERROR)
        checker.input_types[name] = kind
        if kind == Static("int"):
            kind = Static("int", Dim.of(name))
            if name not in checker.scope.locals:  # later inputs may use it as a size
                checker.scope.locals[name] = kind
                checker.scope.inputs.add(name)
        if default is REQUIRED and isinstance(kind, Optional):
            default = None
        return ir.Parameter(name, kind, location, default, one_of)

    # --- functions ------------------------------------------------------------------------------

    @property
    def function_names(self) -> list[str]:
        library = [name for name, item in self.spec.lookup.items() if item.kind == "function"]
        return [*self.spec.functions, *library]

    def function(self, name: str) -> ir.Function | None:
        if name in self.functions:
            return self.functions[name]
        if name in self.spec.functions:
            data, location = self.spec.functions[name], self.spec.functions.key_locations[name]
        elif (item := self.spec.lookup.get(name)) is not None and item.kind == "function":
            data, location = item.body, item.location
        else:
            return None
        self.functions[name] = None
        if "args" in data:
            hint = "write them under 'inputs', such as 'count: static int'"
            message = f"{name}: a function has no constructor arguments"
            self.errors.error(data.key_locations["args"], message, hint=hint)
            return None
        entry = next(iter(self.configs))
        source = ModuleSource(name, data, False, entry, location=location, function=True)
        self._function_sources[name] = source
        self.in_progress.append(name)
        module = Checker(self, source, self.errors).check()
        self.in_progress.pop()
        if module is not None:
            self.functions[name] = ir.Function(
                name, module.doc, module.inputs, module.body, module.returns, location
            )
        return self.functions[name]

    def known_result(self, checker: Checker, name: str, arguments: dict) -> Type | None:
        """What a function gives for static values that are known; None where one is not."""
        if any(getattr(a.type, "value", UNKNOWN) is UNKNOWN for a in arguments.values()):
            return None
        callee = Checker(self, self._function_sources[name], checker.errors, checker.scope.values)
        callee.declare()
        for parameter in callee.declare_inputs():
            given = arguments.get(parameter.name)
            kind = static_of(parameter.default) if given is None else given.type
            callee.scope.locals[parameter.name] = kind
        return callee.infer_result()

    def specialised(self, kind: Layer, module: ir.Module) -> Type:
        """A module's result where constructor arguments decide what is absent (`Model(False)`)."""
        flags = {
            name: value
            for name, value in kind.arguments
            if isinstance(value, Static) and value.kind == "bool" and value.value is not UNKNOWN
        }
        if not flags or not isinstance(module.returns, Record):
            return module.returns
        key = (kind.kind, tuple((name, value.value) for name, value in flags.items()))
        if key not in self._specialised:
            checker = Checker(self, kind.definition, Diagnostics())
            checker.declare(flags)
            checker.declare_inputs()
            inferred = checker.infer_result()
            found = dict(inferred.fields) if isinstance(inferred, Record) else {}
            fields = [
                (name, strip_optional(item) if not is_optional(found.get(name, item)) else item)
                for name, item in module.returns.fields
            ]
            self._specialised[key] = Record(module.returns.name, tuple(fields))
        return self._specialised[key]

    # --- what depends on the whole tree ---------------------------------------------------------

    def _mark_blocks(self) -> None:
        """Modules that stand in a stack are the unit of scan and of checkpointing."""
        blocks = {
            layer.type.element.kind
            for module in self.checked.values()
            if module
            for layer in module.layers
            if isinstance(strip_optional(layer.type), Stack)
        }
        for name in blocks & self.checked.keys():
            if self.checked[name] is not None:
                self.checked[name] = replace(self.checked[name], block=True)

    def _check_implements(self) -> None:
        """A spec that claims an interface has the model it means, with its inputs and outputs."""
        for index, name in enumerate(self.spec.implements):
            location = self.spec.implements.item_locations[index]
            if name not in self.interfaces:
                hint = did_you_mean(name, self.interfaces)
                self.errors.error(location, f"unknown interface {name}", hint=hint)
                continue
            wanted, called = self.module(self.interfaces[name]), self.interfaces[name].stands_for
            model = self.checked.get(called)
            if model is None or not isinstance(model.returns, Record):
                self.errors.error(location, f"{name} needs a model called {called}")
                continue
            inputs = {parameter.name for parameter in model.inputs}
            missing = [p.name for p in wanted.inputs if p.name not in inputs]
            missing += [f for f, _ in wanted.returns.fields if f not in dict(model.returns.fields)]
            fields = self.configs[model.config]
            missing += [f for f in self.configs[name].fields if fields.type(f) is None]
            missing += [tap for tap in wanted.taps if tap not in model.taps]
            missing += [layer.name for layer in wanted.layers if layer.name not in self.spec.roles]
            missing += ["a cache"] if wanted.stateful and not model.stateful else []
            for item in missing:
                self.errors.error(location, f"{name} needs {item}, which {called} does not have")

    # --- concrete check -------------------------------------------------------------------------

    def forget_concrete(self) -> None:
        """Results of calls hold for the values of one preset only."""
        self._concrete.clear()

    def concrete_call(self, checker: Checker, kind, arguments: dict[str, ir.Expr]) -> Type:
        """The result of a call for known sizes: the callee is inferred anew."""
        key = repr(
            (kind, kind.arguments, [(name, value.type) for name, value in arguments.items()])
        )
        if key in self._concrete:
            return self._concrete[key]
        source = kind.definition
        values = checker.scope.values
        if kind.config != "main" and kind.config in values:
            values = values[kind.config]
        callee = Checker(self, source, checker.errors, values)
        given = dict(kind.arguments)
        callee.declare(given)
        inputs = callee.declare_inputs()
        for parameter in inputs:
            default = Static("none", value=None) if parameter.default is None else parameter.type
            value = arguments.get(parameter.name)
            callee.scope.locals[parameter.name] = value.type if value is not None else default
        bind_sizes(callee, inputs)
        result = callee.infer_result()
        if result is None:
            raise Failure
        self._concrete[key] = result
        return result


def bind_sizes(checker: Checker, inputs) -> None:
    """The numbers that a module's free sizes have in a call, from its arguments' shapes."""
    for parameter in inputs:
        declared, actual = (
            strip_optional(parameter.type),
            strip_optional(checker.scope.locals[parameter.name]),
        )
        if isinstance(declared, Tensor) and isinstance(actual, Tensor):
            for want, have in zip(declared.shape, actual.shape, strict=False):
                symbol = (want.unless_one or want).symbol
                if symbol in checker.scope.dims and have.constant is not None:
                    checker.scope.dim_values.setdefault(symbol, have)


def sorted_inputs(parameters: list[ir.Parameter]) -> list[ir.Parameter]:
    seen: dict[str, ir.Parameter] = {}
    for parameter in parameters:
        seen[parameter.name] = parameter  # a later declaration of the same name replaces
    return list(seen.values())


def _with_leading(parameter: ir.Parameter, leading: tuple[Dim, ...]) -> ir.Parameter:
    inner = strip_optional(parameter.type)
    if not isinstance(inner, Tensor) or not inner.shape:
        return parameter
    kind: Type = Tensor(inner.dtype, (*leading, *inner.shape[1:]))
    kind = make_optional(kind) if isinstance(parameter.type, Optional) else kind
    return replace(parameter, type=kind)
