"""Models inside models."""

from __future__ import annotations

from typing import Any

from ..configuration import PretrainedConfig


def auto_model(config: PretrainedConfig, **options: Any) -> Any:
    """The base model of whatever architecture a configuration is of, with random weights."""
    from ..auto.models import FlaxAutoModel  # late: it knows all frameworks

    # not from_config, which would choose a dtype of its own
    return FlaxAutoModel.class_for(config)(config, **options)
