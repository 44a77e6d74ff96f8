"""Inheritance as data: `extends`, and library models and modules brought in by `use`.

Maps merge by key, lists and scalars are replaced, `null` deletes and must hit something, a
`forward` is replaced whole. Merged maps mix the positions of both files, so that a later error
points at the line that was written, wherever that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .diagnostics import Diagnostics, Location, did_you_mean, quoted
from .located import Entry, Map, Seq
from .schema import keys_of

INHERITED = (
    "base",
    "cache",
    "config",
    "configs",
    "differences",
    "functions",
    "implements",
    "init",
    "models",
    "modules",
    "records",
    "refuse",
    "roles",
    "uses",
    "weights",
)
INHERITED_ON_REQUEST = ("tokenizer", "processor")


# Keys of a model that say how the library's is used; all others override the library's own.
_USE_KEYS = ("use", "args", "names", "aliases")
# The sections whose entries may `use` a library's.
_USING = ("models", "modules")


# --- extends -----------------------------------------------------------------------------------


def merge_spec(parent: Map | None, child: Map, errors: Diagnostics) -> Map:
    """The spec `child` with what it inherits from `parent`; both are checked and whole files.

    Without a parent the same rules apply, so that a `null` with nothing to delete is found.
    """
    parent = Map(child.location) if parent is None else parent
    entries = {}
    for key in keys_of("spec"):
        inherited = parent.entry(key) if key in parent and key in INHERITED else None
        own = child.entry(key) if key in child else None
        if key == "extends":
            continue
        if key in INHERITED_ON_REQUEST and own is not None and own.value == "inherit":
            if key in parent:
                entries[key] = parent.entry(key)
            else:
                message = f"there is no {key} to inherit"
                hint = None if "extends" in child else "'inherit' needs 'extends'"
                errors.error(own.value_location, message, hint=hint)
            continue
        if key in INHERITED:
            own = merge_entry(inherited, own, errors, (key,))
        if own is not None:
            entries[key] = own
    return Map.of(child.location, list(entries.values()))


def merge_entry(
    parent: Entry | None,
    child: Entry | None,
    errors: Diagnostics,
    path: tuple[str, ...] = (),
    keep_null: bool = False,
) -> Entry | None:
    """One key of the merged map; None where it is deleted or in neither.

    In a model or module that uses a library's, a null that hits nothing of the parent's is kept:
    it is meant for the library's (`keep_null`).
    """
    if child is None:
        return parent
    if _is_literal(path):
        return child
    if child.value is None:
        if parent is None:
            if keep_null:
                return child
            hint = "leave the key out, or give it a value"
            if path and path[0] in ("config", "configs"):
                hint = "a field that is null by default is written 'TYPE? = None'"
            errors.error(
                child.value_location,
                f"null deletes {quoted(child.key)}, but nothing of that name is inherited",
                hint=hint,
            )
        return None
    if not isinstance(child.value, Map):
        return child
    if parent is None and "fixed" in child.value and _is_field(path):
        message = f"{quoted(child.key)} is fixed, but nothing of that name is inherited"
        hint = "an option of the spec itself has a default"
        errors.error(child.value_location, message, hint=hint)
    inherited = parent.value if parent is not None else None
    if not isinstance(inherited, Map) or _other_body(path, inherited, child.value):
        inherited = None
    if len(path) == 2 and path[0] in _USING:
        keep_null = child.value.get("use", (inherited or {}).get("use")) is not None
    merged = merge_maps(inherited, child.value, errors, path, keep_null)
    return Entry(child.key, merged, child.key_location, child.value_location, None)


def merge_maps(
    parent: Map | None,
    child: Map,
    errors: Diagnostics,
    path: tuple[str, ...] = (),
    keep_null: bool = False,
) -> Map:
    """`child` over `parent`: the parent's keys in their order, then the child's new ones.

    A `returns` that names all that is inherited says the order itself.
    """
    parent = Map(child.location) if parent is None else parent
    entries = []
    keys = [*parent, *(key for key in child if key not in parent)]
    if path and path[-1] == "returns" and len(keys) == len(child):
        keys = list(child)
    for key in keys:
        merged = merge_entry(
            parent.entry(key) if key in parent else None,
            child.entry(key) if key in child else None,
            errors,
            (*path, key),
            keep_null and (len(path) != 2 or key not in _USE_KEYS),
        )
        if merged is not None:
            entries.append(merged)
    return Map.of(child.location, entries)


def _is_literal(path: tuple[str, ...]) -> bool:
    """Whether the value is a literal of a config field, where null is a value like others."""
    depth = {"config": 2, "configs": 3}.get(path[0] if path else "", 99)
    return len(path) == depth + 1 and path[-1] in ("default", "fixed")


def _is_field(path: tuple[str, ...]) -> bool:
    """Whether it is a config field."""
    return len(path) == {"config": 2, "configs": 3}.get(path[0] if path else "")


def _other_body(path: tuple[str, ...], parent: Map, child: Map) -> bool:
    """Whether a model or module takes its body from elsewhere: nothing of the old one stays."""
    if len(path) != 2 or path[0] not in _USING or child.get("use") is None:
        return False
    return parent.get("use") != child["use"]


# --- libraries ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LibraryItem:
    """Something a library declares; `kind` is `function`, `module` or `model`."""

    kind: str
    library: str
    name: str
    body: Map
    location: Location


def library_table(
    libraries: Mapping[str, Map], spec: Map, errors: Diagnostics
) -> dict[str, LibraryItem]:
    """What the used libraries declare: functions and modules by name, models as `library.Name`.

    A name declared twice, by two libraries or by a library and the spec, is an error unless both
    declare the same.
    """
    table: dict[str, LibraryItem] = {}
    for library, data in libraries.items():
        for kind in ("function", "module", "model"):
            section = data.get(f"{kind}s", {})
            for name, body in section.items():
                item = LibraryItem(kind, library, name, body, section.key_locations[name])
                if kind == "model":
                    table[f"{library}.{name}"] = item
                    continue
                known = table.setdefault(name, item)
                if known.body != body or known.kind != kind:
                    message = f"the libraries '{known.library}' and '{library}' both declare"
                    errors.error(_use_location(spec, library), f"{message} {quoted(name)}")
    for kind in ("function", "module"):
        section = spec.get(f"{kind}s", {})
        for name, body in section.items():
            known = table.get(name)
            if known is not None and (known.body != body or known.kind != kind):
                errors.error(
                    section.key_locations[name],
                    f"{quoted(name)} is already declared by the library '{known.library}'",
                    hint=f"see {known.location}",
                )
    return table


def _use_location(spec: Map, library: str) -> Location:
    uses: Seq = spec["uses"]
    return uses.item_locations[uses.index(library)]


def expand_models(spec: Map, table: Mapping[str, LibraryItem], errors: Diagnostics) -> Map:
    """The section `models` with every `use` replaced by the library's model and its overrides."""
    models = spec.get("models") or Map(spec.location)
    entries = []
    for entry in models.entries():
        if "use" in entry.value:
            body = _expand(entry.value, spec, table, errors)
        else:  # a null meant for a library's model that is no longer used
            body = merge_maps(None, entry.value, errors)
        if body is not None:
            entries.append(Entry(entry.key, body, entry.key_location, entry.value_location))
    return Map.of(models.location, entries)


def expand_modules(spec: Map, table: Mapping[str, LibraryItem], errors: Diagnostics) -> Map:
    """The section `modules` with every `use` replaced by the library's module and its overrides."""
    modules = spec.get("modules") or Map(spec.location)
    entries = []
    for entry in modules.entries():
        own, parent = entry.value, None
        if "use" in own:
            library, _, name = own["use"].partition(".")
            item = table.get(name)
            if item is None or (item.kind, item.library) != ("module", library):
                found = (i for i in table.values() if (i.kind, i.library) == ("module", library))
                known = [f"{library}.{item.name}" for item in found]
                _report_unknown(own, "module", known, spec, errors)
                continue
            parent = item.body
            own = Map.of(own.location, [own.entry(key) for key in own if key != "use"])
        body = merge_maps(parent, own, errors)
        entries.append(Entry(entry.key, body, entry.key_location, entry.value_location))
    return Map.of(modules.location, entries)


def _expand(
    model: Map, spec: Map, table: Mapping[str, LibraryItem], errors: Diagnostics
) -> Map | None:
    """A library's model as the spec uses it.

    `args` are the library's declarations and `bindings` the expressions given for them; `layers`
    are renamed, and `names` (old -> new) is kept, because the library's `forward` still says the
    old names.
    """
    where = model.value_locations["use"]
    item = table.get(model["use"])
    if item is None:
        known = [name for name, item in table.items() if item.kind == "model"]
        _report_unknown(model, "model", known, spec, errors)
        return None
    names = model.get("names") or Map(where)
    body = _renamed(item.body, names, errors)
    own = Map.of(model.location, [model.entry(key) for key in model if key not in _USE_KEYS])
    merged = merge_maps(body, _with_new_names(own, names, errors), errors)
    entries = merged.entries()
    bindings = model.get("args") or Map(where)
    _check_bindings(bindings, item, model, errors)
    entries.append(Entry("bindings", bindings, *_places_of(model, "args"), None))
    entries.append(Entry("names", names, *_places_of(model, "names"), None))
    entries += [model.entry(key) for key in ("use", "aliases") if key in model]
    return Map.of(model.location, entries)


def _report_unknown(body: Map, kind: str, known: list[str], spec: Map, errors: Diagnostics) -> None:
    """That the library does not have what `body` uses, or is not used itself."""
    use, where = body["use"], body.value_locations["use"]
    library, _, name = use.partition(".")
    if library not in (spec.get("uses") or ()):
        hint = f"write 'uses: [{library}]'"
        errors.error(where, f"the library '{library}' is not among those used", hint=hint)
        return
    message = f"the library '{library}' has no {kind} {quoted(name)}"
    errors.error(where, message, hint=did_you_mean(use, known))


def _places_of(model: Map, key: str) -> tuple[Location, Location]:
    if key in model:
        return model.key_locations[key], model.value_locations[key]
    return model.location, model.location


def _renamed(body: Map, names: Map, errors: Diagnostics) -> Map:
    layers = body.get("layers") or Map(body.location)
    for old in names:
        if old not in layers:
            errors.error(
                names.key_locations[old],
                f"the library's model has no layer {quoted(old)}",
                hint=did_you_mean(old, layers),
            )
    seen: dict[str, str] = {}
    for old in layers:
        new = names.get(old, old)
        if new in seen:
            where = names.value_locations[old if old in names else seen[new]]
            errors.error(where, f"two layers are called {quoted(new)}")
        seen[new] = old
    return _with_new_names(body, names, None)


def _with_new_names(body: Map, names: Map, errors: Diagnostics | None) -> Map:
    """A model with its layers renamed; an override may use either name."""
    if not isinstance(body.get("layers"), Map):
        return body
    layers: Map = body["layers"]
    renamed: dict[str, Entry] = {}
    for key in layers:
        new = names.get(key, key)
        if new in renamed and errors is not None:
            message = f"the layer {quoted(new)} stands twice, under its old name and its new one"
            errors.error(layers.key_locations[key], message)
        renamed[new] = layers.entry(key, new)
    new = Map.of(layers.location, list(renamed.values()))
    entry = Entry("layers", new, body.key_locations["layers"], body.value_locations["layers"])
    return Map.of(body.location, [entry if e.key == "layers" else e for e in body.entries()])


def _check_bindings(bindings: Map, item: LibraryItem, model: Map, errors: Diagnostics) -> None:
    declared = item.body.get("args") or {}
    for name in bindings:
        if name not in declared:
            errors.error(
                bindings.key_locations[name],
                f"'{item.library}.{item.name}' has no argument {quoted(name)}",
                hint=did_you_mean(name, declared),
            )
    for name, kind in declared.items():
        if name not in bindings and "=" not in kind:
            errors.error(
                model.value_locations["use"],
                f"'{item.library}.{item.name}' needs a value for its argument {quoted(name)}",
                hint=f"write 'args: {{{name}: ...}}'",
            )
