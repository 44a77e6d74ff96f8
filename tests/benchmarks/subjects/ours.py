"""Finding generated classes, in any framework."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from settings import MODELS

FILES = {"": "modeling_{}", "TF": "modeling_tf_{}", "Flax": "modeling_flax_{}"}


def model_class(prefix: str, name: str, head: str = "Model") -> Any:
    """A class of one of MODELS, such as TFBertModel."""
    model = MODELS[name]
    module = f"triptych.models.{model.folder}.{FILES[prefix].format(model.folder)}"
    return getattr(import_module(module), f"{prefix}{model.prefix}{head}")


def configured(prefix: str, name: str, fields: dict[str, Any], head: str = "Model") -> tuple:
    """(class, configuration)."""
    found = model_class(prefix, name, head)
    return found, found.config_class(**fields)
