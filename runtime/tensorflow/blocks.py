"""Elements of stacks, which may be computed again in the backward pass instead of remembered."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras.random import SeedGenerator

from .base import Layer, is_training
from .random import draw_seed, replayed
from .taps import Taps


class Block(Layer):
    """An element of a stack, with gradient checkpointing.

    Without a cache, and in training, an enabled block keeps its inputs only. What it shows through
    `taps` leaves it as an output, so that nothing refers to the first, forgotten computation.
    """

    checkpointing = False

    def set_checkpointing(self, enabled: bool) -> None:
        """Switch it on or off."""
        if enabled and not hasattr(self, "seed_generator"):
            self.seed_generator = SeedGenerator()  # of what both computations draw
        self.checkpointing = enabled

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        trains = is_training() if training is None else training
        if self.checkpointing and trains and kwargs.get("past") is None:
            return self._checkpointed(args, kwargs)
        return super().__call__(*args, training=training, **kwargs)

    def _checkpointed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        taps: Taps | None = kwargs.pop("taps", None)
        # Gradients flow through the floating tensors; whatever else there is needs none.
        leaves = tf.nest.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]
        seed = draw_seed(self.seed_generator)
        shown: list[str] = []
        structure: list[Any] = []
        compute = super().__call__

        def run(*tensors: tf.Tensor) -> list[tf.Tensor]:
            filled = list(leaves)
            for place, tensor in zip(places, tensors, strict=True):
                filled[place] = tensor
            again, keywords = tf.nest.pack_sequence_as((args, kwargs), filled)
            inner = None if taps is None else taps.fresh()
            if inner is not None:
                keywords["taps"] = inner
            with replayed(seed):
                output = compute(*again, training=True, **keywords)
            collected = {} if inner is None else inner.collected()
            shown[:] = [name for name, values in collected.items() for _ in values]
            structure[:] = [tf.nest.map_structure(lambda _: None, output)]
            return [*tf.nest.flatten(output), *tf.nest.flatten(list(collected.values()))]

        results = list(tf.recompute_grad(run)(*(leaves[place] for place in places)))
        count = len(results) - len(shown)
        for name, value in zip(shown, results[count:], strict=True):
            taps.extend({name: [value]})
        return tf.nest.pack_sequence_as(structure[0], results[:count])


def _is_floating(x: Any) -> bool:
    return tf.is_tensor(x) and x.dtype.is_floating
