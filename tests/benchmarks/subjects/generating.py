"""Calls of `generate`, timed from the first one on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from generation_cases import TOKENS, Case
from timed import Timed, clock


def timed(case: Case, generate: Callable[[dict], np.ndarray]) -> Timed:
    """`generate` takes options and returns whole sequences.

    The result tells what the first call takes, which compiles, and which tokens it finds.
    """
    everything, one = case.options(TOKENS), case.options(1)
    start = clock()
    found = np.asarray(generate(everything))
    seconds = clock() - start
    length = case.prompt + TOKENS
    if found.shape != (case.batch, length):
        raise RuntimeError(f"expected {case.batch} texts of {length} tokens, found {found.shape}")
    return Timed(
        {"first call": seconds, "tokens": found[:, case.prompt :].tolist()},
        {"": lambda: generate(everything), "first token": lambda: generate(one)},
    )
