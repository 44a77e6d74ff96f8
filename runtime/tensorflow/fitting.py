"""`compile` and `fit` of Keras with the loss that the model computes itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ..errors import InputError


class Fitting:
    """Steps of Keras's training loops.

    `model.compile(optimizer)` without a loss means the model's own: the data are mappings of its
    inputs, among them the labels; targets apart are passed as `labels`. With a loss given to
    `compile`, Keras's own steps run.
    """

    @property
    def _uses_own_loss(self) -> bool:
        return getattr(self, "_compile_loss", None) is None

    def _own_loss(self, data: Any, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss, and the number of examples it is the mean of."""
        inputs = _with_labels(data)
        loss = self(inputs, training=training, return_dict=True).get("loss")
        if loss is None:
            raise InputError(
                "the model computed no loss",
                expected="labels among the inputs",
                found=", ".join(inputs),
            )
        return loss, tf.shape(next(iter(inputs.values())))[0]

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        if not self._uses_own_loss:
            return super().train_step(data)
        with tf.GradientTape() as tape:
            loss, examples = self._own_loss(data, training=True)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        self.optimizer.apply_gradients(pairs)
        self._loss_tracker.update_state(loss, sample_weight=examples)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        if not self._uses_own_loss:
            return super().test_step(data)
        loss, examples = self._own_loss(data, training=False)
        self._loss_tracker.update_state(loss, sample_weight=examples)
        return self.get_metrics_result()

    def predict_step(self, data: Any) -> Any:
        """All outputs but the cache, which does not concatenate."""
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        output = self(inputs, training=False, return_dict=True)
        if "past_key_values" in output:
            output["past_key_values"] = None
        return output

    def _symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: everything is built, and a symbolic call would see no labels."""
        if not self._uses_own_loss:
            super()._symbolic_build(*args, **kwargs)


def _with_labels(data: Any) -> dict[str, Any]:
    inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
    if not isinstance(inputs, Mapping):
        raise InputError("fit", expected="a mapping of inputs", found=type(inputs).__name__)
    if targets is None:
        return dict(inputs)
    return {**inputs, **(targets if isinstance(targets, Mapping) else {"labels": targets})}
