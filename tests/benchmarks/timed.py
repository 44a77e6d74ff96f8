"""What a task of a worker may return, and its clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, NamedTuple

clock = process_time if os.environ.get("BENCHMARK_CLOCK") == "cpu" else perf_counter


class Timed(NamedTuple):
    """A result, and functions to be called and timed, by the names that lines ask for."""

    result: Any
    functions: dict[str, Callable[[], object]]
