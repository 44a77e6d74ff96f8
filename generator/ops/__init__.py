"""The op table: one row an op, with its type rule and one expression per framework."""

from . import attention, elementwise, index, losses, pooling, reduce, shape  # noqa: F401  fill the table
from .table import OPS, Op, Param

__all__ = ["OPS", "Op", "Param"]
