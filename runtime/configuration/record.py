"""The machinery of configurations: annotated fields, checked values, unknown keys kept apart."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
import typing
from typing import Any, ClassVar, dataclass_transform

from ..errors import ConfigError, show
from .annotations import alternatives, numbers
from .fields import REQUIRED, Field, field
from .registry import find_config_class


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Record:
    """An object with declared fields; every value is checked when it is set.

    Keys that are not declared live in a dictionary of their own, readable as attributes. So
    nothing that comes from a file can hide a method or an attribute of the class.
    """

    attribute_map: ClassVar[dict[str, str]] = {}
    _fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        inherited = cls._fields
        own: dict[str, Field] = {}
        annotations = inspect.get_annotations(cls, eval_str=True)
        for name, kind in annotations.items():
            if typing.get_origin(kind) is not ClassVar and kind is not ClassVar:
                own[name] = _declared(cls, name, kind, inherited.get(name))
        for name in inherited.keys() & vars(cls).keys() - own.keys():
            default = vars(cls)[name]
            if not isinstance(default, Field):
                default = dataclasses.replace(inherited[name], default=default)
            own[name] = dataclasses.replace(default, type=inherited[name].type)
        for name in own:
            # Values live in instances only; a default left on the class would answer for aliases.
            if name in vars(cls):
                delattr(cls, name)
            if hasattr(cls, name):
                raise TypeError(f"{cls.__name__}.{name}: this field would hide a method")
        cls._fields = {**own, **{k: v for k, v in inherited.items() if k not in own}}
        cls.__signature__ = _signature(cls._fields)

    def __init__(self, **values: Any):
        vars(self)["_extra"] = {}
        aliases = self.attribute_map
        # an old name wins over the new one, unless it says nothing
        old = {aliases[name]: x for name, x in values.items() if name in aliases and x is not None}
        values = {name: x for name, x in values.items() if name not in aliases} | old
        for name, declared in self._fields.items():
            value = values.pop(name, declared.default)
            if value is REQUIRED:
                raise ConfigError(key=name, expected="a value", found="none")
            setattr(self, name, copy.deepcopy(value))
        for name, value in values.items():
            self._keep(name, copy.deepcopy(value))

    def __setattr__(self, name: str, value: Any) -> None:
        name = self.attribute_map.get(name, name)
        declared = self._fields.get(name)
        if declared is not None:
            value = _converted(name, value, declared)
            declared.check(name, value)
            vars(self)[name] = value
        elif hasattr(type(self), name):
            object.__setattr__(self, name, value)
        else:
            self._keep(name, value)

    def __getattr__(self, name: str) -> Any:
        # Called only for what is neither set on the instance nor found on the class.
        if name in self.attribute_map:
            return getattr(self, self.attribute_map[name])
        extra = vars(self).get("_extra", {})
        if name in extra:
            return extra[name]
        text = f"{type(self).__name__} has no value {name!r}"
        raise AttributeError(text, name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        if name not in self._extra:
            raise AttributeError(f"{name!r} belongs to {type(self).__name__}, so it stays")
        del self._extra[name]

    def _keep(self, name: str, value: Any) -> None:
        """Stores a key that is not declared."""
        if not all(math.isfinite(number) for number in numbers(value)):
            raise ConfigError(key=name, expected="finite numbers", found=show(value))
        self._extra[name] = value


def _declared(cls: type, name: str, kind: Any, inherited: Field | None) -> Field:
    """The field that an annotation of `cls` declares."""
    default = vars(cls).get(name, REQUIRED)
    declared = default if isinstance(default, Field) else Field(default)
    if inherited is not None and config_class(kind) is None:
        # Restating a field changes its default; what the parent accepts stays acceptable.
        kind = typing.Union[kind, inherited.type]  # noqa: UP007
    return dataclasses.replace(declared, type=kind)


def _signature(fields: dict[str, Field]) -> inspect.Signature:
    kind = inspect.Parameter
    parameters = [
        kind(
            name,
            kind.KEYWORD_ONLY,
            default=kind.empty if declared.default is REQUIRED else declared.default,
            annotation=declared.type,
        )
        for name, declared in fields.items()
    ]
    return inspect.Signature([*parameters, kind("other_keys", kind.VAR_KEYWORD)])


def config_class(kind: Any) -> type[Record] | None:
    """The configuration class in an annotation, if there is one."""
    for part in alternatives(kind):
        if isinstance(part, type) and issubclass(part, Record):
            return part
    return None


def _converted(key: str, value: Any, declared: Field) -> Any:
    """Builds a sub-configuration from a dictionary, or from None where None is no value."""
    cls = config_class(declared.type)
    if cls is None or isinstance(value, Record):
        return value
    if value is None:
        if type(None) in alternatives(declared.type):
            return None
        value = declared.default if isinstance(declared.default, dict) else {}
    if not isinstance(value, dict):
        return value
    try:
        if cls.of_any_model:  # the base class: any registered architecture
            usual = declared.default if isinstance(declared.default, dict) else {}
            cls = find_config_class(value.get("model_type", usual.get("model_type")))
        return cls(**{name: item for name, item in value.items() if name != "model_type"})
    except ConfigError as error:
        error.key = f"{key}.{error.key}" if error.key else key
        raise
