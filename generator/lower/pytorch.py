"""How PyTorch spells modules, shapes and calls."""

from __future__ import annotations

import ast

from .. import ir
from ..types import Tensor
from . import trees
from .module import ModuleWriter
from .reserved import PYTORCH


class PyTorchWriter(ModuleWriter):
    framework = "pytorch"
    file_infix = ""
    dtypes = {"float32": "torch.float32", "int": "torch.int64", "bool": "torch.bool"}
    reserved = PYTORCH

    def is_moved(self, layer: ir.LayerDeclaration) -> bool:
        """Attributes follow the checkpoint where they can, so that `state_dict()` has its names."""
        naming = layer.construct.naming
        if naming is not None and naming.only_stored:
            return False
        path = self.stored_path(layer)
        first, *rest = path.split(".")
        spelled = self.is_attribute(first) and all(
            self.is_attribute(step) or is_index(step) for step in rest
        )
        return spelled and path != layer.name and not self.is_base(layer)

    def parameter_value(self, tree: ast.expr) -> ast.expr:
        return tree

    def device(self) -> ast.expr:
        names = [name for name, kind in self.sizes.sources.items() if isinstance(kind, Tensor)]
        return trees.attribute(trees.name(names[0]), "device") if names else ast.Constant(None)

    def stack_tree(self, tree: ast.ListComp) -> ast.expr:
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
        tests = [self.expr(x) for x in (layer.condition, construct.tied_if) if x is not None]
        if not tests:
            return [line]
        test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
        return [f"if {trees.text(test)}:", f"    {line}"]

    # --- views ----------------------------------------------------------------------------------

    def permute(self, tree: ast.expr, order: tuple[int, ...]) -> ast.expr:
        moved = [i for i, axis in enumerate(order) if i != axis]
        if len(moved) == 2:
            return trees.call(trees.attribute(tree, "transpose"), *map(trees.constant, moved))
        return trees.call(trees.attribute(tree, "permute"), *map(trees.constant, order))

    def split_axes(self, tree: ast.expr, pattern, sizes, dims) -> ast.expr:
        groups = [(name,) for name in pattern.names]
        split = [i for i, group in enumerate(pattern.left) if len(group) != 1]
        if len(split) == 1 and len(pattern.left[split[0]]) > 1:
            axis = split[0] if split[0] < len(pattern.left) - 1 else -1
            group = [(name,) for name in pattern.left[split[0]]]
            parts = trees.sequence(self.reshape_sizes(group, sizes, {}))
            return trees.call(trees.attribute(tree, "unflatten"), trees.constant(axis), parts)
        if len(split) == 1 and not pattern.left[split[0]]:
            return self.squeeze(tree, split[0])
        return self.reshape(tree, self.reshape_sizes(groups, sizes, dims))

    def merge_axes(self, tree: ast.expr, pattern, sizes, dims) -> ast.expr:
        merged = [i for i, group in enumerate(pattern.right) if len(group) != 1]
        if len(merged) == 1 and len(pattern.right[merged[0]]) > 1:
            start = merged[0]
            arguments = [trees.constant(start)]
            if start < len(pattern.right) - 1:
                arguments.append(trees.constant(start + len(pattern.right[start]) - 1))
            return trees.call(trees.attribute(tree, "flatten"), *arguments)
        if len(merged) == 1:
            return trees.call(trees.attribute(tree, "unsqueeze"), trees.constant(merged[0]))
        return self.reshape(tree, self.reshape_sizes(pattern.right, sizes, dims))

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

    def implied_path(self, attribute: str) -> str:
        return attribute


def is_index(step: str) -> bool:
    """Whether a `Group` takes the step as a number."""
    return step.isdigit() and step == str(int(step))
