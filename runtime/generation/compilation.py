"""How PyTorch compiles the model for generation with a static cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ConfigError, nearest, show


@dataclasses.dataclass(frozen=True)
class CompileConfig:
    """The arguments of torch.compile; no file ever holds them."""

    fullgraph: bool = False
    dynamic: bool | None = None
    backend: str | Callable = "inductor"
    mode: str | None = "reduce-overhead"
    options: dict | None = None

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """Builds one from a dictionary, or from True; anything else passes as it is."""
        if value is True:
            return cls()
        if not isinstance(value, Mapping):
            return value
        names = [declared.name for declared in dataclasses.fields(cls)]
        for name in value:
            if name not in names:
                hint = nearest(name, names)
                raise ConfigError(f"has no key {show(name)}", key="compile_config", hint=hint)
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """The arguments as keywords."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
