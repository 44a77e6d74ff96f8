"""The records that models return; the same class serves all three frameworks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from .errors import nearest


class ModelOutput(Mapping):
    """Base of output records: attributes, a mapping by name, and a tuple by position.

    Subclasses are dataclasses whose fields default to None. A field that is None is absent from
    the mapping and from the tuple:

        out.logits, out["logits"], out[0], out[:2], list(out) == ["logits", ...], out.to_tuple()
    """

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        # A dataclass writes its own __repr__, with all the Nones, unless the class has one.
        cls.__repr__ = ModelOutput.__repr__

    def __getitem__(self, key: str | int | slice) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        value = getattr(self, key, None) if key in self._names() else None
        if value is None:
            raise KeyError(f"{type(self).__name__} has no {key!r}.{nearest(key, self)}")
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self._names():
            raise KeyError(f"{type(self).__name__} has no {key!r}.{nearest(key, self._names())}")
        setattr(self, key, value)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names() if getattr(self, name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({fields})"

    def to_tuple(self) -> tuple:
        """The values that are not None, in the order of the fields; records are tuples, too."""
        values = self.values()
        return tuple(v.to_tuple() if isinstance(v, ModelOutput) else v for v in values)

    def flatten(self) -> tuple[tuple[str, ...], list]:
        """The names and the values of the fields that are not None."""
        return tuple(self), list(self.values())

    @classmethod
    def unflatten(cls, names: Sequence[str], values: Sequence[Any]) -> Self:
        """The inverse of `flatten`; `values` may be anything, as transformations need."""
        return cls(**dict(zip(names, values, strict=True)))

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls)]
