"""The cheapest assignment of targets to predictions."""

from __future__ import annotations

import tensorflow as tf

from .functional import shape_of


def linear_assignment(cost: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """The row of each column, so that the sum of the costs is least; -1 for columns without one.

    cost [b, rows, columns], of which the first counts[b] columns are there -> int32 [b, columns].
    Loops of the graph over one shortest path a column, of at most `rows` steps over all rows
    (Jonker, Volgenant 1987): O(columns^2 rows) at most; compiled, all on the device; no gradient.
    """
    cost = tf.stop_gradient(tf.cast(cost, tf.float32))
    b, rows, columns = shape_of(cost)
    if isinstance(columns, int) and columns == 0:  # loops over nothing do not compile
        return tf.zeros((b, 0), tf.int32)
    counts = tf.cast(counts, tf.int32)
    if not isinstance(rows, int) or not isinstance(columns, int) or columns > rows:
        # Rows that are dearer than any detour: only columns that must do without get them.
        more = tf.maximum(columns - rows, 0)
        span = tf.reduce_max(tf.abs(cost), axis=(1, 2), keepdims=True)
        span = span * (2.0 * tf.cast(columns, tf.float32)) + 1
        cost = tf.concat([cost, tf.broadcast_to(span, (b, more, columns))], axis=1)
    found = tf.map_fn(
        lambda pair: _assign(*pair),
        (tf.linalg.matrix_transpose(cost), counts),
        fn_output_signature=tf.TensorSpec((cost.shape[2],), tf.int32),
    )
    return tf.where(found < rows, found, -1)


def _assign(cost: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The row of each of the first `count` columns, for cost [columns, rows]."""
    columns, rows = shape_of(cost)

    def add(start, column_of, row_of, price, worth):
        def step(distance, previous, done, column, _further, _row, least):
            length = least + cost[column] - worth[column] - price
            shorter = ~done & (length < distance)
            distance = tf.where(shorter, length, distance)
            previous = tf.where(shorter, column, previous)
            free = tf.where(done, tf.fill((rows,), float("inf")), distance)
            row = tf.argmin(free, output_type=tf.int32)
            further = column_of[row] >= 0
            column = tf.where(further, column_of[row], column)
            done = done | (tf.range(rows) == row)
            return distance, previous, done, column, further, row, distance[row]

        distance, previous, done, _, _, row, least = tf.while_loop(
            lambda *path: path[4],
            step,
            (
                tf.fill((rows,), float("inf")),
                tf.fill((rows,), -1),
                tf.fill((rows,), False),
                start,
                tf.constant(True),
                tf.constant(0),
                tf.constant(0.0),
            ),
        )
        gain = tf.where(done, least - distance, 0.0)
        on_tree = done & (column_of >= 0)
        at = tf.one_hot(tf.where(on_tree, column_of, -1), columns)
        worth = worth + tf.linalg.matvec(at, tf.where(on_tree, gain, 0.0), transpose_a=True)
        worth = worth + tf.one_hot(start, columns) * least
        price = price - gain

        def turn(column_of, row_of, row):
            column = previous[row]
            further = row_of[column]
            column_of = tf.where(tf.range(rows) == row, column, column_of)
            return column_of, tf.where(tf.range(columns) == column, row, row_of), further

        column_of, row_of, _ = tf.while_loop(
            lambda *walk: walk[2] >= 0, turn, (column_of, row_of, row)
        )
        return start + 1, column_of, row_of, price, worth

    return tf.while_loop(
        lambda start, *_: start < count,
        add,
        (
            tf.constant(0),
            tf.fill((rows,), -1),
            tf.fill((columns,), -1),
            tf.zeros((rows,)),
            tf.zeros((columns,)),
        ),
    )[2]
