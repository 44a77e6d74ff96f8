"""Types of taps, for heads that read what their base has emitted."""

from __future__ import annotations

from .. import ir
from ..types import ListOf, Optional, Record, Tensor, Type
from .typestrings import unknown_dim


def without_sizes(kind: Type) -> Type:
    """A tensor's type whose sizes, which have other names outside, are not known."""
    if not isinstance(kind, Tensor):
        return kind
    return Tensor(kind.dtype, tuple(unknown_dim() for _ in kind.shape))


def tap_fields(module: ir.Module) -> list[tuple[str, Type]]:
    """The taps of a model as fields of its output: one tensor a time, None if nobody asked."""
    fields = []
    own = dict(module.returns.fields) if isinstance(module.returns, Record) else {}
    for tap in module.taps:
        if tap in own:
            continue  # a fault, which is reported elsewhere
        found = (kind for name, kind in module.tap_types if f"_{tap}".endswith(f"_{name}"))
        if (kind := next(found, None)) is not None:
            fields.append((tap, Optional(ListOf(kind))))
    return fields
