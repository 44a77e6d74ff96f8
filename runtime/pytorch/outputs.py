"""Output records as PyTorch wants them: known to its tree functions, and so to torch.export."""

from __future__ import annotations

from typing import Any

from torch.utils import _pytree

from .. import outputs


class ModelOutput(outputs.ModelOutput):
    """A record of optional fields: attributes, a mapping by name, and a tuple by position."""

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        _pytree.register_pytree_node(
            cls,
            lambda record: record.flatten()[::-1],
            lambda values, names: cls.unflatten(names, values),
            serialized_type_name=f"{cls.__module__}.{cls.__qualname__}",
        )
