"""Output records that JAX's transformations can return."""

from __future__ import annotations

from typing import Any

import jax

from .. import outputs


class ModelOutput(outputs.ModelOutput):
    """Base of output records; every subclass is a pytree."""

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        jax.tree_util.register_pytree_with_keys(
            cls,
            lambda output: (
                [(jax.tree_util.GetAttrKey(name), value) for name, value in output.items()],
                tuple(output),
            ),
            cls.unflatten,
            lambda output: (list(output.values()), tuple(output)),
        )
