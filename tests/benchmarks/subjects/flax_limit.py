"""What JAX can do at best: the matrix products alone, and reading memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice

import jax
import jax.numpy as jnp
import numpy as np
from generation_cases import TOKENS, Case, step
from products import Product, operands, products

PARTS, SIDE = 16, 4096  # matrices that are read in turn: more than caches hold


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    pairs = _pairs(products(model, fields, batch))
    return lambda: jax.block_until_ready(_multiply(*pairs))


def generate(fields: dict, case: dict, form: str) -> Callable[[], object]:
    """The products of all steps; weights are read, the rest is noise."""
    case = Case(**case)
    dtype = getattr(jnp, case.dtype)
    first, weights = _pairs(step(fields, case.batch * case.prompt, case.batch), dtype)
    other = step(fields, case.rows, case.rows)
    other = [jnp.ones((product.m, product.k), dtype) for product in other]

    def run() -> None:
        _multiply(first, weights)
        for _ in range(TOKENS - 1):
            jax.block_until_ready(_multiply(other, weights))

    return run


def read(size: int, times: int) -> Callable[[], object]:
    """Reads so many bytes so many times, as matrices that are multiplied with a vector.

    In XLA, which reads faster than the products of PyTorch do.
    """
    vector = jnp.ones(SIDE)
    parts = [jnp.full((SIDE, SIDE), float(i)) for i in range(PARTS)]
    count, rest = divmod(round(size * times / vector.nbytes), SIDE)
    source, last = cycle(parts), jnp.ones((rest, SIDE))

    def run() -> None:
        for part in (*islice(source, count), last):
            jax.block_until_ready(_times(part, vector))

    return run


@jax.jit
def _times(matrix: jax.Array, vector: jax.Array) -> jax.Array:
    return matrix @ vector


def _pairs(found: list[Product], dtype: jnp.dtype = jnp.float32) -> tuple[list, list]:
    rng = np.random.default_rng(0)
    pairs = [[jnp.asarray(x, dtype) for x in operands(product, rng)] for product in found]
    return [left for left, _ in pairs], [right for _, right in pairs]


@jax.jit
def _multiply(lefts: list[jax.Array], rights: list[jax.Array]) -> list[jax.Array]:
    last, ends = None, []
    for left, right in zip(lefts, rights, strict=True):
        if last is not None and last.size == left.size:
            left = last.reshape(left.shape)
        elif last is not None:
            ends.append(last)  # what nobody needs would not be computed
        last = jnp.matmul(left, right)
    return [*ends, last]
