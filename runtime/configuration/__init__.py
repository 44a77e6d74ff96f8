"""Configurations: what `config.json` holds, as typed and checked Python objects."""

from ..refusals import refuse, require_choice
from .backbone import BackboneConfig, stages
from .base import PretrainedConfig
from .composite import CompositeConfig
from .fields import MAX_SIZE, REQUIRED, Field, field
from .kinds import Kinds
from .registry import find_config_class, register_lookup

__all__ = [
    "MAX_SIZE",
    "REQUIRED",
    "BackboneConfig",
    "CompositeConfig",
    "stages",
    "Field",
    "Kinds",
    "PretrainedConfig",
    "field",
    "find_config_class",
    "refuse",
    "register_lookup",
    "require_choice",
]
