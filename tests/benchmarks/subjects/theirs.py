"""Finding the reference's classes, in any framework."""

from __future__ import annotations

from typing import Any

import transformers
from settings import MODELS


def model_class(prefix: str, name: str, head: str = "Model") -> Any:
    """A class of one of MODELS, such as TFBertModel."""
    return getattr(transformers, f"{prefix}{MODELS[name].prefix}{head}")


def configured(prefix: str, name: str, fields: dict[str, Any], head: str = "Model") -> tuple:
    """(class, configuration)."""
    config = getattr(transformers, f"{MODELS[name].prefix}Config")(**fields)
    return model_class(prefix, name, head), config
