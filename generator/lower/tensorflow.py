"""How TensorFlow and Keras spell modules, shapes and calls."""

from __future__ import annotations

import ast

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

    def training(self) -> ast.expr:
        return trees.name("training")

    def past(self) -> ast.expr:
        """States by themselves do not tell it."""
        if not self.module.states:
            return trees.name("past")
        return self.template("cache_of", trees.name("past"))

    def split_arguments(self, arguments, module):
        if module is None:
            return [value for _, value in arguments], {}
        return [value for _, value in arguments[:1]], dict(arguments[1:])

    def shape(self, name: str) -> str:
        self.use("shape_of")
        return f"shape_of({name})"

    # --- views ----------------------------------------------------------------------------------

    def permute(self, tree: ast.expr, order: tuple[int, ...]) -> ast.expr:
        return self.template("tf.transpose", tree, trees.constant(list(order)))

    def reshape(self, tree, sizes: list[ast.expr]) -> ast.expr:
        return self.template("tf.reshape", tree, ast.List(sizes, ast.Load()))

    def squeeze(self, tree: ast.expr, axis: int) -> ast.expr:
        return self.template("tf.squeeze", tree, trees.constant(axis))

    def expand_dims(self, tree: ast.expr, axis: int) -> ast.expr:
        return self.template("tf.expand_dims", tree, trees.constant(axis))

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
