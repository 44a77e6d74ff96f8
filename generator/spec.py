"""A spec as the compiler takes it: loaded, checked against the schema, merged, still located."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .diagnostics import Diagnostics, Location, SpecError, describe, did_you_mean, quoted
from .located import Map, Seq
from .merge import (
    LibraryItem,
    expand_models,
    expand_modules,
    library_table,
    merge_maps,
    merge_spec,
)
from .schema import check_schema, kind_of
from .yaml_loader import decode, parse_source, read_bytes

MAX_EXTENDS = 2
MAX_CACHED = 64


CACHE = "past_key_values"


@dataclass(frozen=True, eq=False)
class Spec:
    """One architecture. Mappings are located `Map`s; expressions in them are still text.

    Sections that a spec leaves out are empty maps or sequences; `base`, `tokenizer`,
    `processor`, `config` and `configs` are None then. Models and modules that `use` a library's
    are written out. A model's `args` are then the library's declarations, `bindings` what the spec
    gives for them, `names` the new names of layers.
    """

    path: Path
    source: str
    name: str
    model_type: str
    prefix: str
    base: str | None
    summary: str
    paper: Map
    rows: Seq
    config: Map | None
    configs: Map | None
    records: Map
    functions: Map
    modules: Map
    models: Map
    init: Map
    roles: Map
    refuse: Map
    implements: Seq
    weights: Seq
    differences: Seq
    cache: str
    """What callers know the cache as."""
    tokenizer: Any
    processor: Any
    presets: Map
    libraries: Mapping[str, Map]
    """The libraries of `uses`, by name."""
    lookup: Mapping[str, LibraryItem]
    """Their functions and modules by name, their models as `library.Name`."""
    dependencies: tuple[Path, ...]
    """Every file that was read, the spec's own first."""
    merged: Map
    """The whole spec after `extends`, before library models are written out (`check --flat`)."""

    @property
    def folder(self) -> str:
        """The name of its folder and files in generated code."""
        return self.model_type.replace("-", "_")


def load_spec(path: str | Path, library_dirs: Iterable[str | Path]) -> Spec:
    """Loads, checks and merges a spec. Raises `SpecError` with every fault found.

    Parents (`extends`) are looked for beside the spec, then in `models/` beside each library
    folder; libraries (`uses`) in the library folders, in order.
    """
    path = Path(path)
    files = _Files([Path(folder) for folder in library_dirs])
    data, source = files.read(path, "spec")
    merged = files.with_parents(path, data, ())
    files.errors.raise_if_any()
    libraries = files.libraries(merged)
    files.errors.raise_if_any()
    lookup = library_table(libraries, merged, files.errors)
    models = expand_models(merged, lookup, files.errors)
    modules = expand_modules(merged, lookup, files.errors)
    _check_spec(merged, models, modules, files.errors)
    files.errors.raise_if_any()
    empty, nothing = Map(merged.location), Seq(merged.location)
    return Spec(
        path=path,
        source=source,
        name=merged["name"],
        model_type=merged["model_type"],
        prefix=merged["prefix"],
        base=merged.get("base"),
        summary=merged["summary"],
        paper=merged["paper"],
        rows=merged["rows"],
        config=merged.get("config"),
        configs=merged.get("configs"),
        records=merged.get("records", empty),
        functions=merged.get("functions", empty),
        modules=modules,
        models=models,
        init=merged.get("init", empty),
        roles=merged.get("roles", empty),
        refuse=merged.get("refuse", empty),
        implements=merged.get("implements", nothing),
        weights=merged.get("weights", nothing),
        differences=merged.get("differences", nothing),
        cache=merged.get("cache") or CACHE,
        tokenizer=merged.get("tokenizer"),
        processor=merged.get("processor"),
        presets=merged.get("presets", empty),
        libraries=libraries,
        lookup=lookup,
        dependencies=tuple(files.seen),
        merged=merged,
    )


def load_library(path: str | Path) -> Map:
    """Loads and checks a library, also one that only holds interfaces or axes."""
    files = _Files([])
    data, _ = files.read(Path(path), "library")
    return data


# --- files -------------------------------------------------------------------------------------

_cache: OrderedDict[tuple[str, str, bytes], Map] = OrderedDict()


class _Files:
    """The files of one spec; notes which were read, collects what is wrong in them."""

    def __init__(self, library_dirs: Sequence[Path]):
        self.library_dirs = library_dirs
        self.seen: dict[Path, None] = {}
        self.errors = Diagnostics()

    def read(self, path: Path, kind: str) -> tuple[Map, str]:
        """A checked file. Parsed data is immutable and kept by content: parents and libraries
        are shared by many specs of one run."""
        self.seen[path] = None
        content = read_bytes(path)
        source = decode(content, str(path))
        key = kind, str(path), content
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key], source.text
        errors = Diagnostics()
        data = parse_source(source)
        if kind_of(data) != kind:
            where = data.key_locations.get("library", data.location)
            errors.error(where, f"this is a {kind_of(data)}", expected=f"a {kind}")
            errors.raise_if_any()
        check_schema(data, errors)
        errors.raise_if_any()
        if kind == "library":
            _check_library(data, path, errors)
            errors.raise_if_any()
        _cache[key] = data
        if len(_cache) > MAX_CACHED:
            _cache.popitem(last=False)
        return data, source.text

    def with_parents(self, path: Path, data: Map, children: tuple[Path, ...]) -> Map:
        parent = None
        if "extends" in data:
            parent = self.parent(path, data, (*children, path))
        return merge_spec(parent, data, self.errors)

    def parent(self, path: Path, data: Map, chain: tuple[Path, ...]) -> Map | None:
        name, where = data["extends"], data.value_locations["extends"]
        folders = [path.parent, *(folder.parent / "models" for folder in self.library_dirs)]
        found = self.find(name, folders, where, "spec")
        if found is None:
            return None
        if any(found.resolve() == child.resolve() for child in chain):
            names = " -> ".join([*(child.stem for child in chain), name])
            self.errors.error(where, f"'extends' goes round in a circle: {names}")
            return None
        if len(chain) > MAX_EXTENDS:
            names = " -> ".join([*(child.stem for child in chain), name])
            message = f"'extends' goes too deep: {names}"
            self.errors.error(where, message, expected=f"at most {MAX_EXTENDS} steps")
            return None
        try:
            parent, _ = self.read(found, "spec")
        except SpecError as error:
            self.errors.extend(error.diagnostics)
            return None
        return self.with_parents(found, parent, chain)

    def libraries(self, spec: Map) -> dict[str, Map]:
        libraries = {}
        uses: Seq = spec.get("uses") or Seq(spec.location)
        for name, where in zip(uses, uses.item_locations, strict=True):
            found = self.find(name, self.library_dirs, where, "library")
            if found is None:
                continue
            try:
                libraries[name], _ = self.read(found, "library")
            except SpecError as error:
                self.errors.extend(error.diagnostics)
        return libraries

    def find(self, name: str, folders: Sequence[Path], where: Location, kind: str) -> Path | None:
        for folder in folders:
            for stem in dict.fromkeys((name, name.replace("-", "_"))):
                candidate = folder / f"{stem}.yaml"
                if candidate.is_file():
                    return candidate
        known = sorted(file.stem for folder in folders for file in folder.glob("*.yaml"))
        self.errors.error(
            where, f"there is no {kind} {quoted(name)}", hint=did_you_mean(name, known)
        )
        return None


# --- what a spec and a library must have once merged -------------------------------------------


def _check_spec(spec: Map, models: Map, modules: Map, errors: Diagnostics) -> None:
    if ("config" in spec) == ("configs" in spec):
        found = "both" if "config" in spec else "neither"
        errors.error(spec.location, "a spec has either 'config' or 'configs'", found=found)
    if not spec.get("models"):
        errors.error(spec.location, "a spec has at least one model", hint="write 'models: ...'")
    if "config" in spec:
        _check_config(spec["config"], errors)
    configs = spec.get("configs")
    for config in (configs or {}).values():
        _check_config(config, errors)
    _check_sections(spec.get("functions", {}), modules, models, errors)
    for section in (modules, models):
        for body in section.values():
            _check_config_name(body, configs, errors)
    for name, model in spec.get("models", {}).items():
        _check_model(name, model, spec["models"], errors)
    presets = spec.get("presets", {})
    for row in spec["rows"]:
        if row["preset"] not in presets:
            errors.error(
                row.value_locations["preset"],
                f"there is no preset {quoted(row['preset'])}",
                hint=did_you_mean(row["preset"], presets),
            )
    _check_weights(spec.get("weights", ()), errors)


def _check_library(library: Map, path: Path, errors: Diagnostics) -> None:
    name = library["library"]
    if name != path.stem:
        where = library.value_locations["library"]
        errors.error(where, "a library has its file's name", expected=quoted(path.stem))
    for section in ("config", "functions", "modules", "models", "init"):
        if section in library:  # finds every null: a library has nothing to delete
            merge_maps(None, library[section], errors, (section,))
    for body in library.get("modules", {}).values():
        if "use" in body:
            errors.error(body.key_locations["use"], "a library's module cannot 'use' another's")
    if not len(errors):
        _check_config(library.get("config", {}), errors)
        sections = (library.get(name, {}) for name in ("functions", "modules", "models"))
        _check_sections(*sections, errors)


def _check_sections(
    functions: Mapping[str, Map],
    modules: Mapping[str, Map],
    models: Mapping[str, Map],
    errors: Diagnostics,
) -> None:
    _check_bodies(functions, "function", errors)
    _check_bodies(modules, "module", errors)
    _check_bodies(models, "model", errors)
    for section, kind, others in (
        (functions, "function", {"module": modules}),
        (modules, "module", {}),
        (models, "model", {"module": modules, "function": functions}),
    ):
        for name in section:
            for other, names in others.items():
                if name in names:
                    line = names.key_locations[name].line
                    errors.error(
                        section.key_locations[name],
                        f"the {kind} {quoted(name)} is also a {other}",
                        found=f"the {other} on line {line}",
                    )


def _check_bodies(section: Mapping[str, Map], kind: str, errors: Diagnostics) -> None:
    for name, body in section.items():
        for key in ("inputs", "forward", "returns"):
            if key not in body:
                where = section.key_locations[name]
                errors.error(where, f"the {kind} {quoted(name)} lacks the key '{key}'")
        _check_inputs(body.get("inputs"), errors)


def _check_inputs(inputs: Any, errors: Diagnostics) -> None:
    """No input twice in the list form, and `...` (the base's inputs) at most once."""
    if not isinstance(inputs, Seq):
        return
    seen: dict[str, Location] = {}
    for item, where in zip(inputs, inputs.item_locations, strict=True):
        group = item if isinstance(item, Map) else {"...": None}
        if isinstance(group, Map) and "entries" in group:
            continue  # names of their own, behind that of their mapping
        group = group.get("one_of", group) if isinstance(group, Map) else group
        for name in group:
            here = group.key_locations[name] if isinstance(group, Map) else where
            if name in seen:
                found = f"it on lines {seen[name].line} and {here.line}"
                errors.error(here, f"the input {quoted(name)} stands twice", found=found)
            seen.setdefault(name, here)


_ARGUMENT = re.compile(r"(int|float|bool|str)\??(\s*=\s*\S.*)?")


def _check_model(name: str, model: Map, models: Map, errors: Diagnostics) -> None:
    if "use" not in model:
        for key in ("names",):
            if key in model:
                errors.error(model.key_locations[key], f"'{key}' goes with 'use' only")
        args = model.get("args", {})
        for arg, kind in args.items():
            if not (isinstance(kind, str) and _ARGUMENT.fullmatch(kind)):
                errors.error(
                    args.value_locations[arg],
                    f"{quoted(arg)} has the wrong value",
                    expected="'int', 'float', 'bool' or 'str', with '?' if it may be null, "
                    "and with ' = DEFAULT' if it has one",
                    found=describe(kind),
                )
    aliases = model.get("aliases", ())
    for index, alias in enumerate(aliases):
        others = (m.get("aliases", ()) for other, m in models.items() if other != name)
        if alias in models or any(alias in names for names in others):
            where = aliases.item_locations[index]
            errors.error(where, f"the alias {quoted(alias)} is also another model's name")


def _check_config(config: Mapping[str, Any], errors: Diagnostics) -> None:
    for name, field in config.items():
        if isinstance(field, Map) and not ({"type", "default", "fixed"} & set(field)):
            where = config.key_locations[name]
            errors.error(where, f"the field {quoted(name)} lacks the key 'type' or 'default'")


def _check_config_name(body: Map, configs: Map | None, errors: Diagnostics) -> None:
    names = body.get("config") or ()
    for name in [names] if isinstance(names, str) else names:
        if name not in (configs or {}):
            errors.error(
                body.value_locations["config"],
                f"there is no config {quoted(name)}",
                hint=did_you_mean(name, configs) if configs else "the spec has no 'configs'",
            )


def _check_weights(weights: Iterable[Map], errors: Diagnostics) -> None:
    for rule in weights:
        if "rename" in rule:
            names: Map = rule["rename"]
            patterns = [(name, names.key_locations[name]) for name in names]
        else:
            patterns = list(zip(rule["ignore"], rule["ignore"].item_locations, strict=True))
        for pattern, where in patterns:
            _check_pattern(pattern, where, errors.error)


def _check_pattern(pattern: str, where: Location, report: Callable[..., None]) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        report(where, "not a regular expression", found=f"{quoted(pattern)} ({error})")
