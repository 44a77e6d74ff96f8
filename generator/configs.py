"""Configuration fields: what a spec declares, and those that every configuration has."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from .diagnostics import Diagnostics, Location, did_you_mean
from .dims import Dim
from .located import Map, Seq, plain, value_location
from .types import UNKNOWN, Config, Optional, Static, Type, make_optional

PAIR = Static("pair")
# What configuration classes offer beside fields.
TAKEN = (
    "always_saved", "attn_implementation", "attribute_map", "base_config_key", "complete", "copy",
    "default_labels", "from_dict",
    "from_json_file", "from_pretrained", "name_or_path", "num_labels", "of_any_model",
    "require_divisible",
    "save_pretrained", "sub_configs", "to_dict", "to_diff_dict", "to_json_string", "torch_dtype",
    "use_return_dict", "validate",
)  # fmt: skip
FIELD_TYPES = ("int", "float", "bool", "str", "list", "dict", "any")

# fields of the runtime's base configuration that specs may read
COMMON: dict[str, Static | Optional] = {
    "num_labels": Static("int"),
    "problem_type": Optional(Static("str")),
    "is_decoder": Static("bool"),
    "is_encoder_decoder": Static("bool"),
    "add_cross_attention": Static("bool"),
    "tie_word_embeddings": Static("bool"),
    "pad_token_id": Optional(Static("int")),
    "bos_token_id": Optional(Static("int")),
    "eos_token_id": Optional(Static("int")),
    "sep_token_id": Optional(Static("int")),
    "decoder_start_token_id": Optional(Static("int")),
    "chunk_size_feed_forward": Static("int"),
    "use_cache": Static("bool"),
    "output_attentions": Static("bool"),
    "output_hidden_states": Static("bool"),
}
BACKBONE: dict[str, Static] = {
    "out_features": Static("list", element=Static("str")),
    "out_indices": Static("list", element=Static("int")),
}
# the widths of the feature maps that `out_features` names, out of those of all stages
CHANNELS, BACKBONE_CHANNELS = "stage_channels", Static("list", element=Static("int"))
COMMON_VALUES: dict[str, Any] = {
    "num_labels": 2, "problem_type": None, "is_decoder": False, "is_encoder_decoder": False,
    "add_cross_attention": False, "tie_word_embeddings": True, "pad_token_id": None,
    "bos_token_id": None, "eos_token_id": None, "sep_token_id": None,
    "decoder_start_token_id": None,
    "chunk_size_feed_forward": 0, "use_cache": True, "output_attentions": False,
    "output_hidden_states": False,
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One configuration field. `expression` gives the value that null is replaced by when a
    configuration is built; `when_null` the one that null stands for where it is read."""

    name: str
    type: Type
    location: Location = field(repr=False, compare=False)
    default: Any = None
    expression: str | None = None
    when_null: str | None = None
    choices: tuple = ()
    min: float | None = None
    max: float | None = None
    doc: str | None = None
    subconfig: str | None = None
    derived: bool = False  # always computed by `expression`
    always_saved: bool = False  # written even with the value that all configurations share
    saved: bool = True  # computed fields may be left out of files
    unlisted: bool = False  # read where a file has it, not one of the class's own fields
    legacy: tuple[str, ...] = ()  # old names
    record: str | None = None  # the dictionary's keys, by its kind


@dataclass(frozen=True)
class ConfigSchema:
    """The fields of one configuration; `entry` is its name in `configs` (`main` by default)."""

    entry: str
    fields: dict[str, Field]
    location: Location = field(repr=False, compare=False)
    model_type: str | None = None
    labels: int = 2  # how many labels there are where a file does not say
    interface: bool = False  # what a parent may read of a configuration that any model may bring
    shared: tuple[str, ...] = ()  # the entries that it is what they have in common of
    fixed: dict[str, Any] = field(default_factory=dict)  # what parents have as options

    @property
    def is_backbone(self) -> bool:
        """A configuration that names its stages can say which of them to return."""
        return "stage_names" in self.fields

    @property
    def common(self) -> dict[str, Type]:
        if not self.is_backbone:
            return COMMON
        channels = {"channels": BACKBONE_CHANNELS} if CHANNELS in self.fields else {}
        return {**COMMON, **BACKBONE, **channels}

    def own_name(self, name: str) -> str:
        """The field that has this name, or had it."""
        if name in self.fields:
            return name
        return next((f.name for f in self.fields.values() if name in f.legacy), name)

    def type(self, name: str) -> Type | None:
        name = self.own_name(name)
        if name in self.fields:
            return self.fields[name].type
        return Static("str") if name == "model_type" else self.common.get(name)

    @property
    def names(self) -> list[str]:
        return [*self.fields, *self.common]


def read_config(
    entry: str,
    data: Map,
    entries: tuple[str, ...],
    errors: Diagnostics,
    records: Collection[str] = (),
) -> ConfigSchema:
    """`entries` and `records`: the names of configurations and of records that fields may have."""
    fields, fixed = {}, {}
    model_type, labels = None, 2
    for name, value in data.items():
        if name == "model_type":
            model_type = value
            continue
        if name == "num_labels" and type(value) is int:
            labels = value
            continue
        if isinstance(value, Map) and "fixed" in value:
            fixed[name] = plain(value["fixed"])
            continue
        location = value_location(data, name)
        if name in TAKEN:
            where = data.key_locations[name]
            errors.error(where, f"config.{name}: every configuration has this by itself")
            continue
        parsed = _read_field(name, value, location, entries, errors, records)
        if parsed is not None:
            fields[name] = parsed
    return ConfigSchema(entry, fields, data.location, model_type, labels, fixed=fixed)


def common_schema(schemas: Sequence[ConfigSchema]) -> ConfigSchema:
    """What several configurations have in common: fields of one name and type."""
    first, *others = schemas
    fields = {
        name: field
        for name, field in first.fields.items()
        if all(name in o.fields and o.fields[name].type == field.type for o in others)
    }
    entries = tuple(schema.entry for schema in schemas)
    return ConfigSchema(" | ".join(entries), fields, first.location, shared=entries)


def read_interface(name: str, fields: Map | Seq | None, location: Location) -> ConfigSchema:
    """The configuration fields that an interface promises."""
    kinds = dict(fields) if isinstance(fields, Map) else dict.fromkeys(fields or (), "any")
    read = {
        key: Field(key, type_of_text(kind) or Static("any"), location)
        for key, kind in kinds.items()
    }
    return ConfigSchema(name, read, location, interface=True)


def _read_field(name, value, location, entries, errors, records) -> Field | None:
    if isinstance(value, Map):
        default = value.get("default")
        text, filled = _parts(value.get("type"))
        record = str(text).rstrip("?")
        record = record if record in records else None
        if part := _part_of(text, entries):
            kind = part
        elif record:
            kind = make_optional(Static("dict")) if text.endswith("?") else Static("dict")
        else:
            kind = type_of_text(text) if text else literal_type(default)
        if kind is None:
            hint = did_you_mean(text.rstrip("?"), [*records, *FIELD_TYPES])
            errors.error(location, f"config.{name}: not a field type", found=text, hint=hint)
            return None
        if "value" not in value and not value.get("saved", True):
            errors.error(location, f"config.{name}: only a computed field is left out of files")
            return None
        return Field(
            name,
            kind.inner if filled else kind,
            location,
            plain(default),
            filled or value.get("value"),
            derived="value" in value,
            when_null=_expression(value.get("when_null")),
            choices=tuple(value.get("choices", ())),
            min=value.get("min"),
            max=value.get("max"),
            doc=value.get("doc"),
            always_saved=value.get("always_saved", False),
            saved=value.get("saved", True),
            unlisted=value.get("unlisted", False),
            legacy=_names(value.get("legacy", ())),
            record=record,
            subconfig=text if text in entries else None,
        )
    if part := _part_of(value, entries):
        return Field(name, part, location, subconfig=value if value in entries else None)
    text, filled = _parts(value)
    if isinstance(text, str) and text.endswith("?"):
        kind = type_of_text(text)
        if kind is not None:
            return Field(name, kind.inner if filled else kind, location, None, filled)
    return Field(name, literal_type(value), location, plain(value))


def _parts(text: Any) -> tuple[Any, str | None]:
    """`TYPE? = EXPR`: filled in when the configuration is built, so never null afterwards."""
    match = re.fullmatch(r"(\w+(?:<\w+>)?\?)\s*=\s*(.+)", text, re.S) if type(text) is str else None
    return match.groups() if match else (text, None)


def _part_of(text: Any, entries: tuple[str, ...]) -> Config | None:
    """A configuration inside another: one of the spec's, or any that has what an interface asks."""
    if not isinstance(text, str):
        return None
    if text in entries:
        return Config(text)
    match = re.fullmatch(r"config<(\w+)>", text)
    return Config(match.group(1)) if match else None


def _expression(value: Any) -> str | None:
    """An expression, which may be written as a plain number."""
    return value if value is None or isinstance(value, str) else repr(value)


def _names(value) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def type_of_text(text: str) -> Type | None:
    """The type of a field, such as `int?`; None if it is none."""
    optional = text.endswith("?")
    text = text.rstrip("?")
    if text == "int|list<int>":  # one size for both axes, or one for each
        return make_optional(PAIR) if optional else PAIR
    element = re.fullmatch(r"list<(\w+)>", text)
    if element and element.group(1) in FIELD_TYPES:
        kind: Type = Static("list", element=Static(element.group(1)))
    elif text in FIELD_TYPES:
        kind = Static(text)
    else:
        return None
    return make_optional(kind) if optional else kind


def literal_type(value: Any) -> Type:
    if value is None:
        return Optional(Static("any"))
    if isinstance(value, (list, Seq)):
        element = literal_type(value[0]) if value else Static("any")
        return Static("list", element=element)
    if isinstance(value, dict):
        return Static("dict")
    return Static(type(value).__name__)


def static_of(value: Any) -> Type:
    """The type of a known configuration value (concrete check)."""
    if value is None:
        return Static("none", value=None)
    if isinstance(value, bool):
        return Static("bool", value=value)
    if isinstance(value, int):
        return Static("int", Dim.of(value), value)
    if isinstance(value, (list, tuple)):
        element = static_of(value[0]) if value else Static("any")
        return Static("list", value=list(value), element=Static(getattr(element, "kind", "any")))
    if isinstance(value, dict):
        return Static("dict", value=value)
    if isinstance(value, (float, str)):
        return Static(type(value).__name__, value=value)
    return Static("any", value=UNKNOWN)
