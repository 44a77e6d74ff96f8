"""Connectionist temporal classification."""

from __future__ import annotations

import tensorflow as tf

from .functional import shape_of

NEVER = -1e30  # log of the probability of what cannot happen: -inf would make gradients NaN


def ctc_loss(
    logits: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> tf.Tensor:
    """-log of the probability of all alignments of the labels (Graves et al. 2006), O(b s n).

    logits [b, s, classes], of which the first `lengths` [b] steps count; labels int [b, n], where
    negative ones are skipped. "mean" divides each sequence's loss by its number of labels before
    it averages, "sum" adds all up. A sequence too short for its labels has an infinite loss, or
    none with `zero_infinity`.
    """
    kept = labels >= 0
    counts = tf.reduce_sum(tf.cast(kept, tf.int32), axis=-1)
    # the labels first, in their order, then what is skipped
    order = tf.argsort(tf.cast(~kept, tf.int32), axis=-1, stable=True)
    targets = tf.maximum(tf.gather(labels, order, batch_dims=1), 0)
    losses = ctc_losses(tf.cast(logits, tf.float32), targets, lengths, counts, blank)
    infinite = losses > -NEVER / 2
    rest = 0.0 if zero_infinity else float("inf")
    losses = tf.where(infinite, tf.constant(rest), losses)
    if reduction == "sum":
        return tf.reduce_sum(losses)
    return tf.reduce_mean(losses / tf.cast(tf.maximum(counts, 1), tf.float32))


def ctc_losses(
    logits: tf.Tensor, targets: tf.Tensor, lengths: tf.Tensor, counts: tf.Tensor, blank: int
) -> tf.Tensor:
    """The loss of each sequence, by the forward variables of section 4.1: one loop over s."""
    batch, number = shape_of(targets)
    length = shape_of(logits)[1]
    blanks = tf.fill((batch, number, 1), blank)
    symbols = tf.reshape(tf.concat([blanks, targets[..., None]], axis=-1), (batch, 2 * number))
    symbols = tf.concat([symbols, blanks[:, :1, 0]], axis=-1)  # blank, label, blank, label, blank
    before = tf.pad(symbols, [[0, 0], [2, 0]], constant_values=blank)[:, :-2]
    leaps = tf.where((symbols != blank) & (symbols != before), 0.0, NEVER)
    emitted = tf.gather(tf.nn.log_softmax(logits), symbols, axis=2, batch_dims=1)
    places = tf.range(2 * number + 1)[None]
    first = tf.where(places < 2, emitted[:, 0], NEVER)
    shape = (targets.shape[0], symbols.shape[1])
    steps = tf.TensorArray(tf.float32, length, element_shape=shape)
    steps = steps.unstack(tf.transpose(emitted, (1, 0, 2)))

    def step(t, alpha):
        one = tf.pad(alpha, [[0, 0], [1, 0]], constant_values=NEVER)[:, :-1]
        two = tf.pad(alpha, [[0, 0], [2, 0]], constant_values=NEVER)[:, :-2] + leaps
        new = tf.reduce_logsumexp(tf.stack([alpha, one, two]), axis=0) + steps.read(t)
        return t + 1, tf.where((t < lengths)[:, None], tf.maximum(new, NEVER), alpha)

    _, alpha = tf.while_loop(
        lambda t, _: t < length, step, (1, first), maximum_iterations=length - 1
    )
    ends = (places == 2 * counts[:, None]) | (places == 2 * counts[:, None] - 1)
    return -tf.reduce_logsumexp(tf.where(ends, alpha, NEVER), axis=-1)
