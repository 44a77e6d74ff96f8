"""Rearrange patterns: "b s (n d) -> b n s d" as a reshape, a permutation and a reshape."""

from __future__ import annotations

import re
from dataclasses import dataclass

Group = tuple[str, ...]


@dataclass(frozen=True)
class Pattern:
    left: tuple[Group, ...]
    right: tuple[Group, ...]

    @property
    def names(self) -> Group:
        """The axes of the left side, taken apart; axes of size 1 have no name."""
        return tuple(name for group in self.left for name in group)

    @property
    def order(self) -> Group:
        return tuple(name for group in self.right for name in group)

    @property
    def permutation(self) -> tuple[int, ...]:
        return tuple(self.names.index(name) for name in self.order)

    @property
    def splits(self) -> bool:
        return any(len(group) != 1 for group in self.left)

    @property
    def merges(self) -> bool:
        return any(len(group) != 1 for group in self.right)


def parse_pattern(text: str) -> Pattern | str:
    """The pattern, or what is wrong with it."""
    sides = text.split("->")
    if len(sides) != 2:
        return "a pattern has one '->'"
    groups = []
    for side in sides:
        parsed = _parse_side(side)
        if isinstance(parsed, str):
            return parsed
        groups.append(parsed)
    pattern = Pattern(*groups)
    for names, where in ((pattern.names, "left"), (pattern.order, "right")):
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            return f"axis {repeated} stands twice on the {where}"
    missing = set(pattern.names) ^ set(pattern.order)
    if missing:
        return f"axis {sorted(missing)[0]} stands on one side only"
    return pattern


def _parse_side(side: str) -> tuple[Group, ...] | str:
    groups: list[Group] = []
    rest = side.strip()
    token = re.compile(r"\(([^()]*)\)\s*|([A-Za-z][A-Za-z0-9_]*|1)(?:\s+|$|(?=\())")
    while rest:
        match = token.match(rest)
        if not match:
            return f"cannot read {rest!r}"
        if match.group(1) is not None:
            group = tuple(name for name in match.group(1).split() if name != "1")
            if not all(name.isidentifier() for name in group):
                return f"cannot read ({match.group(1)})"
            groups.append(group)
        else:
            groups.append(() if match.group(2) == "1" else (match.group(2),))
        rest = rest[match.end() :]
    return tuple(groups)
