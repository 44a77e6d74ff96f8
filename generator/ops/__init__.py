"""The op table: one row an op, with its type rule and one expression per framework."""

from . import (  # noqa: F401  fill the table
    attention,
    elementwise,
    index,
    losses,
    named,
    pooling,
    positions,
    reduce,
    sampling,
    scans,
    shape,
)
from .table import OPS, Op, Param

__all__ = ["OPS", "Op", "Param"]
