"""Checking one module: its members, then its forward, then the declared result."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .. import ir
from ..diagnostics import Diagnostics, did_you_mean
from ..ir import switch_of
from ..located import Seq, value_location
from ..types import ListOf, Type, strip_optional
from .calls import part_name
from .faults import FaultMixin
from .folding import fold
from .hoisting import name_conditional_calls, name_model_calls, with_inner
from .members import MemberMixin
from .results import ResultMixin
from .scope import Scope
from .sources import ModuleSource, place_of
from .statements import StatementMixin
from .syntax import Source, parse_block


class Checker(StatementMixin, MemberMixin, ResultMixin, FaultMixin):
    """Infers one module, symbolically or (with values) for the sizes of one preset."""

    def __init__(self, program, source: ModuleSource, errors: Diagnostics, values=None) -> None:
        self.program, self.module_source, self.errors = program, source, errors
        self.name = self.outputs_name = source.name
        self.scope = Scope(program.configs[source.config], program.configs, values)
        self.renames = dict(source.renames or {})
        self.source: Source | None = None
        self.taps: dict[str, None] = {}
        self.tap_sources: dict[str, tuple[str, ...]] = {}  # of a model: layer -> what it emits
        self.record_layers: dict[str, str] = {}  # layers whose taps go into a record inside
        self.record_name: str | None = None  # of the record that is being read
        self.methods: dict[str, ir.Module] = {}
        self.input_types: dict[str, Type] = {}  # of those read so far
        self.effects: set[str] = set()
        self.loops: list[dict[str, Type]] = []
        self.fixed = self.fixed_values()
        self.failed = self.returned = self.uses_training = self.returns_cache = False
        self.result: Type | None = None

    def check(self) -> ir.Module | None:
        """The whole module, symbolically."""
        data = self.module_source.call
        self.declare()
        inputs = self.declare_inputs()
        self.returns = self.declared_result(data) if "returns" in data else None
        methods = {name: self.method(name) for name in data.get("methods", {})}
        source = parse_block(data["forward"], place_of(data, "forward"), self.errors)
        if source is None or self.failed or None in methods.values():
            return None
        self.source, self.methods = fold(source, self.fixed), methods
        source = self.source
        body = self.block(source.tree.body)
        if not self.returned and not self.failed:
            location = value_location(data, "forward")
            self.errors.error(location, f"{self.name}: not every path through the forward returns")
        if self.failed or self.result is None:
            return None
        if self.module_source.model:
            body = name_model_calls(body, self.scope.locals)
        body, perhaps = name_conditional_calls(body)
        scopes = self.tap_scopes()
        passed = self.passed_taps(body)
        own = [*self.scoped_taps(scopes), *self.taps]
        taps = list(dict.fromkeys([*(name for name, _, _ in passed), *own]))
        if "without" in data:
            taps = self.left_out(data["without"], taps)
        stateful = "past" in self.effects
        return ir.Module(
            name=self.name,
            doc=data.get("doc"),
            config=self.module_source.config,
            arguments=self.parameters,
            sizes=tuple(self.sizes),
            layers=tuple(self.layers),
            states=tuple(self.states),
            inputs=inputs,
            body=body,
            returns=self.returns or self.result,
            location=self.module_source.location,
            model=self.module_source.model,
            aliases=tuple(data.get("aliases", ())),
            taps=tuple(taps),
            scopes=tuple(scopes.items()),
            stateful=stateful,
            returns_cache=self.returns_cache or (stateful and not self.calls_model(body)),
            uses_training=self.uses_training,
            random="draws" in self.effects,
            inner=tuple(self.record_layers.items()),
            methods=tuple(methods.values()),
            passed=tuple(passed),
            perhaps=perhaps,
            method_of=self.module_source.name if self.module_source.method else None,
        )

    def method(self, name: str) -> ir.Module | None:
        """One more call of a model, over the same layers."""
        source = self.module_source
        location = source.data["methods"].key_locations[name]
        method = replace(source, method=source.data["methods"][name], location=location)
        checker = Checker(self.program, method, self.errors)
        checker.outputs_name = part_name(self.name, name)
        found = checker.check()
        if found is not None and found.stateful:
            self.errors.error(location, f"{self.name}: a method keeps no state", found=name)
        return None if found is None else replace(found, name=name)

    def check_interface(self) -> ir.Module:
        """An interface is a model of which only inputs and outputs are known."""
        data = self.module_source.data
        self.declare()
        for name in data.get("roles", {}):
            self.attempt(self.declare_layer_at, name, data["roles"])
        inputs = self.declare_inputs()
        returns = self.declared_result(data)
        taps = data.get("taps", {})
        types = {name: self.type_at(taps, name) for name in taps}
        cached = bool(data.get("cached"))
        return ir.Module(
            name=self.name,
            doc=data.get("doc"),
            config=self.module_source.config,
            arguments=(),
            sizes=(),
            layers=tuple(self.layers),
            states=(),
            inputs=inputs,
            body=(),
            returns=returns,
            location=self.module_source.location,
            model=True,
            interface=True,
            taps=tuple(types),
            tap_types=tuple((name, ListOf(kind.type)) for name, kind in types.items() if kind),
            stateful=cached,
            returns_cache=cached,
        )

    def infer_result(self) -> Type | None:
        """The result's type for known sizes (concrete check)."""
        data = self.module_source.call
        source = parse_block(data["forward"], place_of(data, "forward"), self.errors)
        if source is None:
            return None
        source = self.source = fold(source, self.fixed)
        self.returns = None
        if self.module_source.model and (checked := self.program.checked.get(self.name)):
            self.methods = {method.name: method for method in checked.methods}
        self.block(source.tree.body)
        return None if self.failed else self.result

    def calls_model(self, body) -> bool:
        return any(isinstance(s, ir.Assign) and isinstance(s.value, ir.ModelCall) for s in body)

    def left_out(self, names: Seq, taps: list[str]) -> list[str]:
        """The taps without those in `without`, which also names inputs, and the cache's two."""
        base = self.program.base_source(self.module_source)
        base = self.program.module(base) if base is not None else None
        inputs = {p.name: p for p in base.inputs} if base is not None else {}
        cache = (self.program.spec.cache, "use_cache") if "past" in self.effects else ()
        for name, location in zip(names, names.item_locations, strict=True):
            if name in inputs and inputs[name].default is ... and not inputs[name].one_of:
                self.errors.error(location, f"{self.name}: the base model cannot do without {name}")
            elif name not in (*inputs, *cache, *taps):
                hint = did_you_mean(name, (*inputs, *cache, *taps))
                message = f"{self.name}: the base model has no input or output {name}"
                self.errors.error(location, message, hint=hint)
        if cache and set(cache) & set(names):
            if not set(cache) <= set(names) or self.returns_cache:
                expected = f"{' and '.join(cache)} left out, and no cache returned"
                self.errors.error(names.location, f"{self.name}: half a cache", expected=expected)
            self.effects.discard("past")
        return [tap for tap in taps if tap not in names]

    def passed_taps(self, body) -> list[tuple[str, str, str]]:
        """(name, local, tap) of what the models emit that are called; those that were asked for
        by name are the caller's to use, and those that were declined are not there."""
        calls = [
            (statement.targets[0], statement.value)
            for statement in with_inner(body)
            if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.ModelCall)
        ]
        found = []
        for local, call in calls:
            called = self.program.module(strip_optional(call.layer.type).definition)
            asked = any(name.startswith("output_") for name, _ in call.arguments)
            if asked and called.tap_types:
                continue
            shown = [tap for tap in called.shown_taps if switch_of(tap) not in call.declined]
            found += [(call.layer.path[-1], local, tap) for tap in shown]
        counts = Counter(tap for _, _, tap in found)
        return [(tap if counts[tap] == 1 else f"{layer}_{tap}", x, tap) for layer, x, tap in found]

    # --- taps -----------------------------------------------------------------------------------

    def tap_scopes(self) -> dict[str, tuple[str, ...]]:
        """Taps that several layers of a model emit get the layer's name (`encoder_attentions`),
        or the one that `taps` gives them: layer -> that name and its taps."""
        named = self.module_source.data.get("taps") or {}
        counts: dict[str, int] = {}
        for taps in self.tap_sources.values():
            for tap in taps:
                counts[tap] = counts.get(tap, 0) + 1
        shared = {
            layer: tuple(
                t for t in taps if counts[t] > 1 or layer in named or layer in self.record_layers
            )
            for layer, taps in self.tap_sources.items()
        }
        for layer in named:
            if not shared.get(layer):
                location = named.key_locations[layer]
                hint = did_you_mean(layer, self.tap_sources)
                self.errors.error(location, f"{self.name}: {layer} emits nothing", hint=hint)
        named = {layer: named.get(layer, layer) for layer in shared}  # '' adds nothing
        return {name: (named[name], *taps) for name, taps in shared.items() if taps and named[name]}

    def scoped_taps(self, scopes: dict[str, tuple[str, ...]]) -> list[str]:
        return [
            f"{scopes[layer][0]}_{tap}" if tap in scopes.get(layer, ())[1:] else tap
            for layer, taps in self.tap_sources.items()
            for tap in taps
        ]
