"""How PyTorch spells modules, shapes and calls."""

from __future__ import annotations

import ast

from .. import ir
from ..types import Tensor, strip_optional
from . import trees
from .module import ModuleWriter


class PyTorchWriter(ModuleWriter):
    framework = "pytorch"
    file_infix = ""
    dtypes = {"float32": "torch.float32", "int": "torch.int64", "bool": "torch.bool"}
    reserved = frozenset(
        {
            "forward",
            "train",
            "eval",
            "type",
            "float",
            "half",
            "double",
            "to",
            "apply",
            "children",
            "modules",
            "parameters",
            "buffers",
            "config",
            "dtype",
            "device",
            "training",
        }
    )

    def path_of(self, layer: ir.LayerDeclaration) -> tuple[str, ...]:
        """Attributes follow the checkpoint, so that `state_dict()` has its names."""
        naming = layer.construct.naming
        if layer.name == "base" and self.module.model:
            path = naming.path if naming is not None else self.program.spec.base
            return tuple(path.split("."))
        if naming is None or not naming.path:
            return (self.attribute_name(layer.name),)
        return tuple(naming.path.split("."))

    def parameter_value(self, tree: ast.expr) -> ast.expr:
        return tree

    def training(self) -> ast.expr:
        return trees.expression("self.training")

    def device(self) -> ast.expr:
        names = [name for name, kind in self.sizes.sources.items() if isinstance(kind, Tensor)]
        return trees.attribute(trees.name(names[0]), "device") if names else ast.Constant(None)

    def stack_tree(self, tree: ast.ListComp, layer) -> ast.expr:
        self.use("nn")
        return trees.call("nn.ModuleList", tree)

    def map_tree(self, tree: ast.DictComp) -> ast.expr:
        self.use("nn")
        return trees.call("nn.ModuleDict", tree)

    def with_tie(self, tree: ast.expr, construct: ir.Construct) -> ast.expr:
        return tree

    def tie_lines(self, layer: ir.LayerDeclaration) -> list[str]:
        construct = layer.construct
        if construct.tied is None:
            return []
        path = trees.text(trees.attribute(trees.name("self"), *self.path_of(layer)))
        line = f"self.tie({path}, {trees.text(self.expr(construct.tied))})"
        if construct.tied_if is None:
            return [line]
        return [f"if {trees.text(self.expr(construct.tied_if))}:", f"    {line}"]

    # --- views ----------------------------------------------------------------------------------

    def permute(self, tree: ast.expr, order: tuple[int, ...]) -> ast.expr:
        moved = [i for i, axis in enumerate(order) if i != axis]
        if len(moved) == 2:
            return trees.call(trees.attribute(tree, "transpose"), *map(trees.constant, moved))
        return trees.call(trees.attribute(tree, "permute"), *map(trees.constant, order))

    def split_axes(self, tree, source: ir.Expr, pattern, sizes, dims) -> ast.expr:
        groups = [(name,) for name in pattern.names]
        split = [i for i, group in enumerate(pattern.left) if len(group) != 1]
        if len(split) == 1 and len(pattern.left[split[0]]) > 1:
            axis = split[0] if split[0] < len(pattern.left) - 1 else -1
            group = [(name,) for name in pattern.left[split[0]]]
            parts = trees.sequence(self.reshape_sizes(group, sizes, {}))
            return trees.call(trees.attribute(tree, "unflatten"), trees.constant(axis), parts)
        if len(split) == 1 and not pattern.left[split[0]]:
            return trees.call(trees.attribute(tree, "squeeze"), trees.constant(split[0]))
        return trees.call(
            trees.attribute(tree, "reshape"), *self.reshape_sizes(groups, sizes, dims)
        )

    def merge_axes(self, tree, pattern, sizes, dims) -> ast.expr:
        merged = [i for i, group in enumerate(pattern.right) if len(group) != 1]
        if len(merged) == 1 and len(pattern.right[merged[0]]) > 1:
            start = merged[0]
            arguments = [trees.constant(start)]
            if start < len(pattern.right) - 1:
                arguments.append(trees.constant(start + len(pattern.right[start]) - 1))
            return trees.call(trees.attribute(tree, "flatten"), *arguments)
        if len(merged) == 1:
            return trees.call(trees.attribute(tree, "unsqueeze"), trees.constant(merged[0]))
        return trees.call(
            trees.attribute(tree, "reshape"), *self.reshape_sizes(pattern.right, sizes, dims)
        )

    def split_tensor(self, tree, parts, axis, equal: bool) -> ast.expr:
        function = "torch.chunk" if equal else "torch.split"
        return self.template(function, tree, parts, dim=axis)

    # --- classes --------------------------------------------------------------------------------

    def base_class(self) -> str:
        if self.module.model:
            return self.class_name("PreTrainedModel")
        if self.module.block:
            self.use("Block")
            return "Block"
        self.use("nn")
        return "nn.Module"

    def effect_arguments(self) -> list[str]:
        """Keyword-only arguments of a module that its effects need."""
        items = []
        if self.module.stateful:
            self.use("Slots")
            items.append("past: Slots | None = None")
        if self.module.random:
            self.use("Draws")
            items.append("draws: Draws")
        if self.module.taps:
            self.use("Taps")
            items.append("taps: Taps")
        return items

    def checkpoint_names(self) -> dict[str, str]:
        """Plain paths are attributes here; only transforms and empty names remain."""
        names = {}
        for layer in self.module.layers:
            naming = layer.construct.naming
            if naming is not None and naming.transform is not None:
                names[layer.name] = self.transform_text(naming)
            elif naming is not None and naming.path == "":
                names[layer.name] = "''"
        return names


__all__ = ["PyTorchWriter", "strip_optional"]
