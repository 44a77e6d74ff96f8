"""Losses: computed in float32, averaged over what is not ignored; scalars."""

from __future__ import annotations

import tensorflow as tf

from ..errors import InputError
from .functional import shape_of


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor, ignore_index: int = -100) -> tf.Tensor:
    """Of logits [..., classes] and labels int[...]; NaN if every label is ignored."""
    kept = tf.not_equal(labels, ignore_index)
    classes = tf.where(kept, labels, tf.zeros_like(labels))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, tf.cast(logits, tf.float32))
    total = tf.reduce_sum(tf.where(kept, losses, tf.zeros_like(losses)))
    return total / tf.reduce_sum(tf.cast(kept, tf.float32))


def next_token_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Logits [b, s, classes] predict the next label of [b, s]."""
    return cross_entropy(logits[:, :-1], labels[:, 1:])


def classification_loss(
    logits: tf.Tensor, labels: tf.Tensor, problem_type: str | None, num_labels: int
) -> tf.Tensor:
    """Of logits [b, num_labels]; without a problem type, labels and their number decide."""
    if problem_type is None:
        if num_labels == 1:
            problem_type = "regression"
        elif labels.dtype.is_integer:
            problem_type = "single_label_classification"
        else:
            problem_type = "multi_label_classification"
    if problem_type == "regression":
        if num_labels == 1:
            logits, labels = tf.reshape(logits, (-1,)), tf.reshape(labels, (-1,))
        return mse_loss(logits, labels)
    if problem_type == "single_label_classification":
        return cross_entropy(tf.reshape(logits, (-1, num_labels)), tf.reshape(labels, (-1,)))
    if problem_type == "multi_label_classification":
        targets = tf.cast(labels, tf.float32)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, tf.cast(logits, tf.float32))
        return tf.reduce_mean(losses)
    raise InputError(
        key="problem_type",
        expected="regression, single_label_classification or multi_label_classification",
        found=repr(problem_type),
    )


def known_labels_loss(logits: tf.Tensor, labels: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Of logits [b, num_classes], over the labels that are known: those that are not NaN.

    Squared differences, averaged, for one class; cross entropy of class numbers [b], averaged;
    else the binary cross entropies of [b, num_classes], summed (Ying et al. 2021).
    """
    if num_classes > 1 and labels.shape.rank == 1:
        return cross_entropy(logits, tf.cast(labels, tf.int32))
    logits = tf.cast(logits, tf.float32)
    labels = tf.reshape(tf.cast(labels, tf.float32), tf.shape(logits))
    known = tf.logical_not(tf.math.is_nan(labels))
    labels = tf.where(known, labels, tf.zeros_like(labels))
    if num_classes == 1:
        squares = tf.where(known, (logits - labels) ** 2, tf.zeros_like(labels))
        return tf.reduce_sum(squares) / tf.reduce_sum(tf.cast(known, tf.float32))
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return tf.reduce_sum(tf.where(known, losses, tf.zeros_like(losses)))


def span_loss(
    start_logits: tf.Tensor,
    end_logits: tf.Tensor,
    start_positions: tf.Tensor,
    end_positions: tf.Tensor,
) -> tf.Tensor:
    """Mean over start and end of a span; positions behind the text count for nothing.

    Logits [b, s], positions int[b] or int[b, 1].
    """
    length = shape_of(start_logits)[1]

    def loss(logits: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        positions = tf.clip_by_value(tf.reshape(positions, (-1,)), 0, length)
        return cross_entropy(logits, positions, ignore_index=length)

    return (loss(start_logits, start_positions) + loss(end_logits, end_positions)) / 2


def l1_loss(predictions: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(_difference(predictions, targets)))


def mse_loss(predictions: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean squared difference."""
    return tf.reduce_mean(tf.square(_difference(predictions, targets)))


def _difference(predictions: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return tf.cast(predictions, tf.float32) - tf.cast(targets, tf.float32)


def contrastive_loss(logits: tf.Tensor) -> tf.Tensor:
    """Symmetric cross entropy of [n, n]: the matching pair is on the diagonal."""
    labels = tf.range(shape_of(logits)[0])
    return (cross_entropy(logits, labels) + cross_entropy(tf.transpose(logits), labels)) / 2
