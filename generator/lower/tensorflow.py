"""How TensorFlow and Keras spell modules, shapes and calls."""

from __future__ import annotations

import ast

from .. import ir
from . import trees
from .module import ModuleWriter
from .reserved import TENSORFLOW


class TensorFlowWriter(ModuleWriter):
    framework = "tensorflow"
    class_prefix = "TF"
    file_infix = "tf_"
    tensor_annotation = "tf.Tensor"
    dtypes = {"float32": "tf.float32", "int": "tf.int32", "bool": "tf.bool"}
    reserved = TENSORFLOW

    def path_of(self, layer: ir.LayerDeclaration) -> tuple[str, ...]:
        if layer.name == "base" and self.module.model:
            naming = layer.construct.naming
            return (self.attribute_name(naming.path if naming else self.program.spec.base),)
        return (self.attribute_name(layer.name),)

    def training(self) -> ast.expr:
        return trees.name("training")

    def split_arguments(self, arguments, module):
        if module is None:
            return [value for _, value in arguments], {}
        return [arguments[0][1]], dict(arguments[1:])

    def shape(self, name: str) -> str:
        self.use("shape_of")
        return f"shape_of({name})"

    def stack_tree(self, tree: ast.ListComp, layer) -> ast.expr:
        return tree

    def map_tree(self, tree: ast.DictComp) -> ast.expr:
        return tree

    # --- views ----------------------------------------------------------------------------------

    def permute(self, tree: ast.expr, order: tuple[int, ...]) -> ast.expr:
        return self.template("tf.transpose", tree, trees.constant(list(order)))

    def reshape(self, tree, sizes: list[ast.expr]) -> ast.expr:
        return self.template("tf.reshape", tree, ast.List(sizes, ast.Load()))

    def split_axes(self, tree, source, pattern, sizes, dims) -> ast.expr:
        if all(len(group) < 2 for group in pattern.left) and sum(not g for g in pattern.left) == 1:
            axis = next(i for i, group in enumerate(pattern.left) if not group)
            return self.template("tf.squeeze", tree, trees.constant(axis))
        if (axis := self.lone_group(pattern.left)) is not None and self.sizes_unknown(
            pattern.left, sizes, dims
        ):
            inner = self.reshape_sizes([(name,) for name in pattern.left[axis]], sizes, {})
            return self.template("split_axis", tree, trees.constant(axis), trees.sequence(inner))
        return self.reshape(
            tree, self.reshape_sizes([(name,) for name in pattern.names], sizes, dims)
        )

    def merge_axes(self, tree, pattern, sizes, dims) -> ast.expr:
        if (
            all(len(group) < 2 for group in pattern.right)
            and sum(not g for g in pattern.right) == 1
        ):
            axis = next(i for i, group in enumerate(pattern.right) if not group)
            return self.template("tf.expand_dims", tree, trees.constant(axis))
        if (start := self.lone_group(pattern.right)) is not None and self.sizes_unknown(
            pattern.right, sizes, dims
        ):
            end = start + len(pattern.right[start]) - 1
            return self.template("flatten_axes", tree, trees.constant(start), trees.constant(end))
        return self.reshape(tree, self.reshape_sizes(pattern.right, sizes, dims))

    def split_tensor(self, tree, parts, axis, equal: bool) -> ast.expr:
        return self.template("tf.split", tree, parts, axis=axis)

    # --- classes --------------------------------------------------------------------------------

    def base_class(self) -> str:
        if self.module.model:
            return self.class_name("PreTrainedModel")
        name = "Block" if self.module.block else "Layer"
        self.use(name)
        return name

    def effect_arguments(self) -> list[str]:
        items = []
        if self.module.stateful:
            items.append("past=None")
        if self.module.random:
            items.append("draws=None")
        if self.module.taps:
            items.append("taps=None")
        if self.module.uses_training:
            items.append("training=None")
        return items

    def convert_inputs(self) -> list[str]:
        return []
