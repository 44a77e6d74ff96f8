"""How Flax NNX and JAX spell modules, shapes and calls."""

from __future__ import annotations

import ast

from .. import ir
from ..types import Stack, strip_optional
from . import trees
from .module import ModuleWriter
from .reserved import FLAX


class FlaxWriter(ModuleWriter):
    framework = "flax"
    class_prefix = "Flax"
    file_infix = "flax_"
    tensor_annotation = "jax.Array"
    dtypes = {"float32": "jnp.float32", "int": "jnp.int32", "bool": "jnp.bool_"}
    reserved = FLAX

    def module_keywords(self) -> dict[str, ast.expr]:
        return {"rngs": trees.name("rngs")}

    def past(self) -> ast.expr:
        """States by themselves do not tell it."""
        if not self.module.states:
            return trees.name("past")
        return self.template("cache_of", trees.name("past"))

    def stack_tree(self, tree: ast.ListComp) -> ast.expr:
        self.use("Stack")
        return trees.call("Stack", tree)

    def map_tree(self, tree: ast.DictComp) -> ast.expr:
        self.use("nnx")
        return trees.call("nnx.Dict", tree)

    def training(self) -> ast.expr:
        return trees.expression("not self.deterministic")

    def constructor(self) -> list[str]:
        """What reads the mode has the attribute that nnx's train() and eval() set."""
        lines = super().constructor()
        return ["self.deterministic = True", *lines] if self.module.uses_training else lines

    # --- views ----------------------------------------------------------------------------------

    def permute(self, tree: ast.expr, order: tuple[int, ...]) -> ast.expr:
        return trees.call(trees.attribute(tree, "transpose"), *map(trees.constant, order))

    def expand_dims(self, tree: ast.expr, axis: int) -> ast.expr:
        return self.template("jnp.expand_dims", tree, trees.constant(axis))

    def split_tensor(self, tree, parts, axis, equal: bool) -> ast.expr:
        return self.template("jnp.split" if equal else "split_sizes", tree, parts, axis=axis)

    # --- loops ----------------------------------------------------------------------------------

    def stmt_For(self, node: ir.For, depth: int) -> list[str]:
        """A loop over one stack is a step that `fold` repeats, or scans over stacked parameters."""
        if not isinstance(strip_optional(node.iterable.type), Stack) or isinstance(
            node.iterable, ir.PythonCall
        ):
            return super().stmt_For(node, depth)
        self.use("fold")
        block = node.targets[0]
        carried = ", ".join(node.carried)
        state = carried if len(node.carried) == 1 else f"({carried})" if carried else "None"
        self.block_pasts[block] = "past"
        before = self.sizes
        self.sizes = before.child()
        for name in node.carried:
            self.sizes.sources.pop(name, None)
        body = self.body(node.body, depth + 1)
        self.sizes = before
        first = carried if len(node.carried) == 1 else "carry"
        lines = self.line(depth, f"def step({first}, {block}, past, taps):")
        if len(node.carried) > 1:
            lines += self.line(depth + 1, f"{carried} = carry")
        lines += body
        lines += self.line(depth + 1, f"return {state}")
        lines.append("")
        stateful = any(
            m and m.stateful for m in (self.module_of(k) for _, k in self.loop_layers(node))
        )
        past = "past" if stateful else "None"
        taps = "taps" if self.module.taps and not self.only_passes_on else "NO_TAPS"
        if taps == "NO_TAPS":
            self.use(taps)
        call = f"fold(step, {state}, {self.text(node.iterable)}, past={past}, taps={taps})"
        lines += self.line(depth, f"{carried} = {call}" if carried else call)
        return lines

    # --- classes --------------------------------------------------------------------------------

    def base_class(self) -> str:
        if self.module.model:
            return self.class_name("PreTrainedModel")
        if self.module.block:
            self.use("Block")
            return "Block"
        if self.module.uses_training:
            self.use("Module")
            return "Module"
        self.use("nnx")
        return "nnx.Module"
