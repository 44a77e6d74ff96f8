"""Output records that pass through `tf.function`, `tf.nest` and Keras."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable
from typing import Any

from keras.src import tree

from .. import outputs


class _FromPairs(ABCMeta):
    """TensorFlow puts mappings together again from one argument: pairs of names and values."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and _are_pairs(args[0]):
            return super().__call__(**dict(args[0]))
        return super().__call__(*args, **kwargs)


def _are_pairs(x: Any) -> bool:
    if isinstance(x, list):
        return all(isinstance(pair, tuple) and isinstance(pair[0], str) for pair in x)
    return isinstance(x, Iterable) and type(x).__name__ == "generator"


class ModelOutput(outputs.ModelOutput, metaclass=_FromPairs):
    """Base of the records that TensorFlow models return; see `triptych.outputs`."""

    __supported_by_tf_nest__ = True

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        tree.register_tree_node_class(cls)

    def tree_flatten(self) -> tuple[list[Any], tuple[str, ...]]:
        """For Keras: the values, and their names."""
        names, values = self.flatten()
        return values, names

    @classmethod
    def tree_unflatten(cls, names: tuple[str, ...], values: Iterable[Any]) -> ModelOutput:
        """The inverse of `tree_flatten`."""
        return cls.unflatten(names, list(values))
