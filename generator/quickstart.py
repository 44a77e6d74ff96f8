"""Examples on pages: a configuration, a small input and a call, in each framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .dims import Dim
from .types import Tensor, Type

WIDTH = 96
FREE = dict.fromkeys(("h", "w", "height", "width"), "image_size") | {"c": "num_channels"}
"""Sizes of inputs that many configurations name."""
SEQUENCE = 8
DTYPES = {
    "pytorch": {"int": ", dtype=torch.int64", "bool": ", dtype=torch.bool"},
    "tensorflow": {"int": ", dtype=tf.int32", "bool": ", dtype=tf.bool"},
    "flax": {"int": ", dtype=jnp.int32", "bool": ", dtype=bool"},
}
MODULES = {"pytorch": "torch", "tensorflow": "tf", "flax": "jnp"}
IMPORTS = {
    "pytorch": "import torch",
    "tensorflow": "import tensorflow as tf",
    "flax": "import jax.numpy as jnp",
}


def array_of(kind: Type) -> dict[str, Any] | None:
    """An array's dtype and sizes (numbers, names, or None for what is neither)."""
    if not isinstance(kind, Tensor):
        return None
    return {"dtype": kind.dtype, "shape": [_size(dim) for dim in kind.shape]}


def _size(dim: Dim) -> int | str | None:
    dim = dim.unless_one or dim
    return dim.constant if dim.constant is not None else dim.symbol


def examples(
    spec: Mapping[str, Any], models: Sequence[Mapping[str, Any]], preset: str
) -> list[dict[str, str]]:
    """For each framework, code that makes the first model with a preset's options and calls it.

    Where an input's sizes cannot be told from the configuration, the call is left out.
    """
    if not models:
        return []
    model = models[0]
    config = next(c["name"] for c in spec["configs"] if c["main"])
    values = _values(spec, preset)
    found = []
    for framework, name in model["classes"].items():
        arrays = _arrays(model, values, framework)
        lines = [
            f"from triptych.models.{spec['folder']} import {', '.join(sorted((config, name)))}"
        ]
        if arrays:
            lines.insert(0, IMPORTS[framework])
        lines += ["", f"model = {name}({config_call(spec, preset)})"]
        if arrays is not None and model["record"] and model["outputs"]:
            first = next((o for o in model["outputs"] if not o["type"].endswith("?")), None)
            call = _wrapped("outputs = model", [f"{n}={a}" for n, a in arrays.items()])
            lines.append(call)
            lines += [f"outputs.{first['name']}.shape  # {first['type']}"] if first else []
        found.append({"framework": framework, "code": "\n".join(lines), "class": name})
    return found


def config_call(spec: Mapping[str, Any], preset: str) -> str:
    """`BertConfig(hidden_size=512)`."""
    name = next(c["name"] for c in spec["configs"] if c["main"])
    options = spec["presets"].get(preset) or {}
    return _wrapped(name, [f"{key}={value!r}" for key, value in options.items()])


def preset_calls(spec: Mapping[str, Any]) -> dict[str, str]:
    return {name: config_call(spec, name) for name in spec["presets"]}


def _wrapped(function: str, arguments: Sequence[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDTH - 20:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def _values(spec: Mapping[str, Any], preset: str) -> dict[str, Any]:
    """The options of a preset, those of parts with dots."""
    values: dict[str, Any] = {}
    for config in spec["configs"]:
        for field in config["fields"]:
            values.setdefault(field["name"], field["value"])
    for key, value in (spec["presets"].get(preset) or {}).items():
        values[key] = value
        if isinstance(value, dict):
            values |= {f"{key}.{inner}": item for inner, item in value.items()}
    return values


def _arrays(
    model: Mapping[str, Any], values: Mapping[str, Any], framework: str
) -> dict[str, str] | None:
    """Zeros for each input that has to be given; None where their sizes are unknown."""
    arrays, chosen = {}, set()
    for entry in model["inputs"]:
        needed = entry["one_of"] and entry["group"] not in chosen and entry["unless"] not in arrays
        if not entry["required"] and not needed:
            continue
        chosen.add(entry["group"] if needed else None)
        if entry["array"] is None:
            return None
        sizes = [_number(s, i, values) for i, s in enumerate(entry["array"]["shape"])]
        if None in sizes:
            return None
        shape = f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"
        dtype = DTYPES[framework].get(entry["array"]["dtype"], "")
        arrays[entry["name"]] = f"{MODULES[framework]}.zeros({shape}{dtype})"
    return arrays


def _number(size: int | str | None, axis: int, values: Mapping[str, Any]) -> int | None:
    if size is None or isinstance(size, int):
        return size
    if size in FREE or size in values:
        value = values.get(FREE.get(size, size))
        value = value[0] if isinstance(value, list) and value else value
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if "." in size:
        return None
    return 1 if axis == 0 else SEQUENCE
