"""Keys of a configuration's file beside its own fields, for code that is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .configuration import PretrainedConfig


def unlisted(config: PretrainedConfig, name: str, default: Any = None) -> Any:
    """What a file gives beside the fields of its configuration, or a default.

    As `getattr(config, name, default)`, whose exception torch.compile cannot follow.
    """
    return vars(config)["_extra"].get(name, default)
