"""What TensorFlow can do at best: the matrix products alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from generation_cases import TOKENS, Case, step
from products import Product, operands, products


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    lefts, rights = _pairs(products(model, fields, batch))
    run = _function(lefts, rights, form)
    return lambda: run()[-1].numpy()


def generate(fields: dict, case: dict, form: str) -> Callable[[], object]:
    """The products of all steps; weights are read, the rest is noise."""
    case = Case(**case)
    dtype = getattr(tf, case.dtype)
    first, weights = _pairs(step(fields, case.batch * case.prompt, case.batch), dtype)
    other = step(fields, case.rows, case.rows)
    other = [tf.Variable(tf.ones((product.m, product.k), dtype)) for product in other]
    once, again = _function(first, weights, form), _function(other, weights, form)

    def run() -> None:
        once()
        for _ in range(TOKENS - 1):
            again()[-1].numpy()

    return run


def _pairs(found: list[Product], dtype: tf.DType = tf.float32) -> tuple[list, list]:
    rng = np.random.default_rng(0)
    pairs = [[tf.Variable(tf.cast(x, dtype)) for x in operands(product, rng)] for product in found]
    return [left for left, _ in pairs], [right for _, right in pairs]


def _function(lefts: list, rights: list, form: str) -> Callable[[], list]:
    @tf.function(autograph=False, jit_compile=form == "xla" or None)
    def run():
        last, ends = None, []
        for left, right in zip(lefts, rights, strict=True):
            if last is not None and last.shape.num_elements() == left.shape.num_elements():
                left = tf.reshape(last, left.shape)
            elif last is not None:
                ends.append(last)  # what nobody needs would not be computed
            last = tf.matmul(left, right)
        return [*ends, last]

    return run
