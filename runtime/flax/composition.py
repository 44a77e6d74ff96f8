"""Models inside models."""

from __future__ import annotations

from typing import Any

from ..configuration import PretrainedConfig


def auto_model(config: PretrainedConfig, model: str = "Model", **options: Any) -> Any:
    """A model of whatever architecture a configuration is of, with random weights.

    `model`: which of the architecture's classes, by the name behind its prefix.
    """
    from ..auto.models import make_auto_class  # late: it knows all frameworks

    # not from_config, which would choose a dtype of its own
    return make_auto_class("flax", model).class_for(config)(config, **options)
