"""Rearranged axes: axes taken apart and put together by reshapes of the target."""

from __future__ import annotations

import ast

from .. import ir
from ..dims import Dim
from . import trees


class ViewWriter:
    """The two reshapes of a rearrangement; frameworks spell them."""

    def split_axes(self, tree: ast.expr, pattern, sizes, dims) -> ast.expr:
        """The axes of the pattern's left side, each by itself."""
        if (axis := unit_axis(pattern.left)) is not None:
            return self.squeeze(tree, axis)
        if (axis := lone_group(pattern.left)) is not None and self.sizes_unknown(
            pattern.left, sizes, dims
        ):
            inner = self.reshape_sizes([(name,) for name in pattern.left[axis]], sizes, {})
            return self.template("split_axis", tree, trees.constant(axis), trees.sequence(inner))
        return self.reshape(
            tree, self.reshape_sizes([(name,) for name in pattern.names], sizes, dims)
        )

    def merge_axes(self, tree: ast.expr, pattern, sizes, dims) -> ast.expr:
        """The axes in the groups of the pattern's right side."""
        if (axis := unit_axis(pattern.right)) is not None:
            return self.expand_dims(tree, axis)
        if (start := lone_group(pattern.right)) is not None and self.sizes_unknown(
            pattern.right, sizes, dims
        ):
            end = start + len(pattern.right[start]) - 1
            return self.template("flatten_axes", tree, trees.constant(start), trees.constant(end))
        return self.reshape(tree, self.reshape_sizes(pattern.right, sizes, dims))

    def reshape(self, tree: ast.expr, sizes: list[ast.expr]) -> ast.expr:
        return trees.call(trees.attribute(tree, "reshape"), *sizes)

    def squeeze(self, tree: ast.expr, axis: int) -> ast.expr:
        return trees.call(trees.attribute(tree, "squeeze"), trees.constant(axis))

    # --- sizes ----------------------------------------------------------------------------------

    def axes_sizes(self, names, sizes: dict[str, ir.Expr], dims: dict[str, Dim]) -> list[ast.expr]:
        """The sizes of axes; one that is not known is written -1."""
        result: list[ast.expr] = []
        for group in names:
            parts = [self.axis_size(name, sizes, dims) for name in group]
            if None in parts:
                result.append(trees.constant(-1))
                continue
            total: ast.expr = trees.constant(1)
            for i, part in enumerate(parts):
                total = part if i == 0 else ast.BinOp(total, ast.Mult(), part)
            result.append(total)
        return result

    def axis_size(self, name: str, sizes, dims) -> ast.expr | None:
        if name in sizes:
            return self.expr(sizes[name])
        return self.dim(dims[name]) if name in dims else None

    def reshape_sizes(self, groups, sizes, dims) -> list[ast.expr]:
        """As `axes_sizes`, with -1 for a composite size where that is shorter to read."""
        composite = [g for g in groups if len(g) > 1]
        unknown = [
            g for g in groups if any(n not in sizes and self.axis_unknown(n, dims) for n in g)
        ]
        if len(unknown) > 1:
            names = " and ".join(" ".join(group) for group in unknown)
            self.program.report(
                f"rearrange: the sizes of {names} are only known when the model runs",
                self.location,
                hint=f"give {unknown[0][0]}=...",
            )
        result = []
        for group in groups:
            if group in unknown or (not unknown and composite[:1] == [group]):
                result.append(trees.constant(-1))
            else:
                result += self.axes_sizes([group], sizes, dims)
        return result

    def sizes_unknown(self, groups, sizes, dims) -> bool:
        """Whether the size of a single axis is only known when the model runs."""
        return any(
            len(group) == 1 and group[0] not in sizes and self.axis_unknown(group[0], dims)
            for group in groups
        )

    def axis_unknown(self, name: str, dims) -> bool:
        before = dict(self.kept), dict(self.kept_fields), dict(self.requested)
        unknown = name not in dims or self.dim(dims[name]) is None
        self.kept, self.kept_fields, self.requested = before  # only asked, not written
        return unknown


def unit_axis(groups) -> int | None:
    """The place of the only axis of size 1, where no others are grouped."""
    places = [i for i, group in enumerate(groups) if not group]
    return places[0] if len(places) == 1 and all(len(group) < 2 for group in groups) else None


def lone_group(groups) -> int | None:
    """The place of the only group of several axes, where the others are single."""
    places = [i for i, group in enumerate(groups) if len(group) != 1]
    return places[0] if len(places) == 1 and len(groups[places[0]]) > 1 else None
