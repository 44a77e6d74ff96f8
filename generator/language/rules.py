"""Rules for first values, as layers declare them: `linear(a, b, init=normal(b ** -0.5))`."""

from __future__ import annotations

import ast

from .. import ir
from ..diagnostics import listed
from ..types import Static

# the rules, with the fewest and the most numbers they take
INITIALIZERS = {
    "normal": (1, 2), "trunc_normal": (1, 4), "uniform": (2, 2), "constant": (1, 1),
    "zeros": (0, 0), "ones": (0, 0), "xavier_uniform": (0, 1), "xavier_normal": (0, 1),
    "kaiming_uniform": (0, 1), "kaiming_normal": (0, 1),
    "kaiming_normal_out": (0, 1), "fan_in_uniform": (0, 0), "sinusoids": (1, 1),
    "interleaved_sinusoids": (1, 1),
    "softplus_log_uniform": (2, 3), "log_range": (0, 0), "powers": (2, 4),
    "orthogonal": (0, 1), "rays": (3, 3),
}  # fmt: skip
ARGUMENTS = {"init": "weight", "bias_init": "bias"}


def wanted_count(name: str, count: int) -> str | None:
    """How many numbers a rule takes, if not `count`."""
    fewest, most = INITIALIZERS[name]
    if fewest <= count <= most:
        return None
    return str(fewest) if fewest == most else f"{fewest} to {most}"


class RuleMixin:
    """Reads the arguments of a constructor that say what its tensors start from."""

    def declared_rules(self, node: ast.Call, leaves: tuple[str, ...], keywords: dict) -> tuple:
        """((argument, rule), ...); they are taken out of `keywords`."""
        found = []
        for argument, leaf in ARGUMENTS.items():
            if argument not in keywords:
                continue
            if leaf not in leaves and not (argument == "init" and leaves == ("",)):
                self.fail(node, f"there is no {leaf} to give first values", found=ast.unparse(node))
            found.append((argument, self.rule(keywords.pop(argument))))
        return tuple(found)

    def rule(self, node: ast.expr) -> ir.Rule | ir.IfElse:
        """`normal(0.02)`; its numbers are expressions over fields, arguments and sizes."""
        if isinstance(node, ast.IfExp):
            test, then, other = (
                self.static_test(node.test),
                self.rule(node.body),
                self.rule(node.orelse),
            )
            return ir.IfElse(self.source.locate(node), Static("rule"), test, then, other)
        called = isinstance(node, ast.Call) and not node.keywords
        name = getattr(node.func if called else node, "id", "")
        if name not in INITIALIZERS:
            hint = self.hint(name, INITIALIZERS)
            expected = listed(INITIALIZERS) if hint is None else None
            self.fail(node, "not a rule", expected=expected, found=ast.unparse(node), hint=hint)
        numbers = tuple(self.expr(argument) for argument in (node.args if called else ()))
        if wanted := wanted_count(name, len(numbers)):
            self.fail(
                node, f"{name}: number of arguments", expected=wanted, found=str(len(numbers))
            )
        for number in numbers:
            kind = getattr(number.type, "kind", None)
            if kind not in ("int", "float", "number", "any"):
                self.fail_at(number.location, f"{name} takes numbers", found=str(number.type))
        return ir.Rule(self.source.locate(node), Static("rule"), name, numbers)
