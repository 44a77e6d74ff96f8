"""Configurations as plain data, and back."""

from __future__ import annotations

import copy
import json
import warnings
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .fields import REQUIRED
from .record import config_class

if TYPE_CHECKING:
    from .base import PretrainedConfig

# Keys of other software that describe a process rather than a model.
NOT_SAVED = {
    "_attn_implementation_internal",
    "_auto_class",
    "_commit_hash",
    "_pre_quantization_dtype",
    "base_model_pp_plan",
    "base_model_tp_plan",
    "transformers_version",
    "transformers_weights",
}
# Constructor arguments that are no fields.
ARGUMENTS = {"num_labels", "torch_dtype", "name_or_path", "attn_implementation"}


def to_dict(config: PretrainedConfig) -> dict[str, Any]:
    """All values as plain data; model_type is the class's."""
    values = {name: getattr(config, name) for name in config._fields} | config._extra
    subs = config.sub_configs()
    result = {
        name: to_dict(subs[name]) if name in subs else copy.deepcopy(value)
        for name, value in values.items()
        if name not in NOT_SAVED
    }
    return result | {"model_type": config.model_type}


def to_diff_dict(config: PretrainedConfig, usual: dict[str, Any]) -> dict[str, Any]:
    """Leaves out shared fields with the value of both the base (`usual`) and the class."""
    values, own = to_dict(config), _defaults(type(config))
    subs, result = config.sub_configs(), {}
    for name, value in values.items():
        # A sub-configuration that the class has by default is written as a difference, too.
        if name in subs and (not own or isinstance(own.get(name), dict)):
            result[name] = _sub_diff(subs[name], usual)
        elif (
            name not in usual
            or value != usual[name]
            or value != own.get(name, value)
            or name in config.always_saved
        ):
            result[name] = value
    result.pop("_name_or_path", None)
    return result


def _sub_diff(config: PretrainedConfig, usual: dict[str, Any]) -> dict[str, Any]:
    """Leaves out shared fields that have their class's default."""
    values, own = to_dict(config), _defaults(type(config))
    result = {
        name: value
        for name, value in values.items()
        if name not in usual or name not in own or value != own[name]
    }
    return result | {"model_type": config.model_type}


def _defaults(cls: type[PretrainedConfig]) -> dict[str, Any]:
    """The values of a configuration built without arguments; empty if the class needs some."""
    if any(declared.default is REQUIRED for declared in cls._fields.values()):
        return {}
    return to_dict(cls())


def to_json(values: dict[str, Any]) -> str:
    """The text of a config.json."""
    try:
        return json.dumps(values, indent=2, sort_keys=True) + "\n"
    except (TypeError, ValueError) as reason:
        raise ConfigError(f"cannot be written as JSON ({reason})") from None


def to_text(config: PretrainedConfig) -> str:
    """A call that builds an equal configuration: the values that differ from the defaults."""
    own = _defaults(type(config))
    subs = config.sub_configs()
    values = [
        f"{name}={subs.get(name, value)!r}"
        for name, value in to_dict(config).items()
        if name != "model_type" and (name not in own or value != own[name])
    ]
    return f"{type(config).__name__}({', '.join(values)})"


def own_part(cls: type[PretrainedConfig], values: dict[str, Any]) -> dict[str, Any]:
    """The part of a composite's config.json that belongs to `cls`, or all of it."""
    found = values.get("model_type", cls.model_type)
    if found == cls.model_type or not cls.model_type:
        return values
    part = values.get(cls.base_config_key)
    if isinstance(part, dict):
        return part
    warnings.warn(
        f"{cls.__name__} is for models of type {cls.model_type!r}; this file is of type {found!r}",
        stacklevel=4,
    )
    return values


def merge(
    cls: type[PretrainedConfig], values: dict[str, Any], overrides: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Puts `overrides` over `values`; returns constructor arguments and the overrides not used."""

    def named(items: dict[str, Any]) -> dict[str, Any]:
        return {cls.attribute_map.get(name, name): item for name, item in items.items()}

    # How attention is computed is the program's choice, not a file's.
    dropped = {"model_type", "attn_implementation", "_attn_implementation"}
    merged = named({name: item for name, item in values.items() if name not in dropped})
    unused = {}
    for name, value in named(overrides).items():
        if name not in cls._fields and name not in merged and name not in ARGUMENTS:
            unused[name] = value
        elif isinstance(merged.get(name), dict) and isinstance(value, dict) and _is_sub(cls, name):
            merged[name] = merged[name] | value
        else:
            merged[name] = value
    if "num_labels" in overrides and "id2label" not in overrides:
        labels = merged.get("id2label")
        if labels is not None and len(labels) != overrides["num_labels"]:
            merged.pop("id2label")
            merged.pop("label2id", None)
    if overrides.get("torch_dtype") is not None and "dtype" not in overrides:
        merged["dtype"] = overrides["torch_dtype"]
    return merged, unused


def _is_sub(cls: type[PretrainedConfig], name: str) -> bool:
    return name in cls._fields and config_class(cls._fields[name].type) is not None
