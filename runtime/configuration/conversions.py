"""Values that configuration files spell in a way that programs do not."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, show

DTYPES = ("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2")


def dtype_names(value: Any) -> Any:
    """Names for a dtype, or a dictionary of dtypes, of any framework."""
    if isinstance(value, dict):
        return {key: dtype_names(item) for key, item in value.items()}
    if value is None:
        return None
    name = value if isinstance(value, str) else getattr(value, "__name__", str(value))
    name = name.removeprefix("torch.")
    if name not in DTYPES:
        expected = f"one of {', '.join(DTYPES)}"
        raise ConfigError(key="dtype", expected=expected, found=show(value))
    return name


def integer_keys(name: str, value: Any) -> Any:
    """JSON has string keys only; these dictionaries are keyed by integers."""
    if not isinstance(value, dict):
        return value
    try:
        return {int(key): item for key, item in value.items()}
    except (TypeError, ValueError):
        raise ConfigError(key=name, expected="integers as keys", found=show(value)) from None
