"""Which sizes of tensors a body needs, and where it reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..types import Tensor, Type


@dataclass
class Sizes:
    """Runtime sizes that are in scope, and the tensors that others can be read from.

    A size is read from the first tensor that has it, just before it is needed:
    `b, s = tokens.shape[:2]`.
    """

    bound: set[str] = field(default_factory=set)
    sources: dict[str, Tensor] = field(default_factory=dict)
    # inputs of which one is given, by group
    choices: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def add(self, name: str, kind: Type) -> None:
        """A local has a value; a new one of another shape takes the old one's place."""
        if isinstance(kind, Tensor):
            self.sources[name] = kind
        else:
            self.sources.pop(name, None)

    def lost(self, kinds: Mapping[str, Type]) -> set[str]:
        """The unbound sizes that can no longer be read once these names have these types."""
        after = self.child()
        for name, kind in kinds.items():
            after.add(name, kind)
        symbols = {
            size.symbol
            for name in kinds
            if name in self.sources
            for size in self.sources[name].shape
        }
        return {dim for dim in symbols - self.bound - {None} if after.locate(dim) is None}

    def child(self) -> Sizes:
        return Sizes(set(self.bound), dict(self.sources), self.choices)

    def locate(self, dim: str) -> tuple[str, Tensor] | None:
        """The tensor to read a size from; inputs of which one is given stand for one another."""
        for name, tensor in self.sources.items():
            if any(size.symbol == dim for size in tensor.shape):
                return name, tensor
        for choices in self.choices.values():
            for tensor in choices.values():
                if any(size.symbol == dim for size in tensor.shape):
                    return f"first_given({', '.join(choices)})", tensor
        return None

    def bind(self, dims: list[str]) -> list[tuple[str, list[str | None]]]:
        """(tensor, the names of its leading sizes) for each line that has to be written."""
        lines: list[tuple[str, list[str | None]]] = []
        for dim in dims:
            if dim in self.bound:
                continue
            place = self.locate(dim)
            if place is None:
                continue
            name, tensor = place
            wanted = [
                s.symbol if s.symbol in dims and s.symbol not in self.bound else None
                for s in tensor.shape
            ]
            # a size that occurs twice is read once
            wanted = [None if size in wanted[:i] else size for i, size in enumerate(wanted)]
            while wanted and wanted[-1] is None:
                wanted.pop()
            if len(wanted) == tensor.rank and len(wanted) > 1:
                wanted.append("")  # all of them: no slice is needed
            lines.append((name, wanted))
            self.bound |= {symbol for symbol in wanted if symbol}
        return lines
