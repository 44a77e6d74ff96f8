"""What can be flipped at one place of generated code.

`variants(node, context)` gives (what it is, the replacement) for a syntax node, or nothing. Only
what a module computes is flipped: neither annotations nor docstrings.
"""

import ast
import copy
from dataclasses import dataclass, field

SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
FUNCTIONS = {"tanh": "sigmoid", "sigmoid": "tanh", "sin": "cos", "cos": "sin", "roll": "clone"}
REARRANGING = {"transpose", "permute", "contiguous", "roll", "flip"}
SYMMETRIC = {"transpose", "min", "max", "minimum", "maximum"}  # in their first two arguments
PLUMBING = {"taps", "device", "return_dict", "emit"}  # dropping these breaks the call, no more
GROWTH = 1.25  # of constants, scales and epsilons


@dataclass(frozen=True)
class Context:
    """What is known around a node: layers of the class by constructor, names bound so far."""

    siblings: dict = field(default_factory=dict)  # {attribute: another made in the same way}


def variants(node, context):
    """[(operator, replacement node)] for a node; the node itself is left as it is."""
    found = []
    for kind, make in OPERATORS:
        if isinstance(node, kind):
            found += [(name, new) for name, new in make(node, context) if new is not None]
    return found


def _constant(node, context):
    value = node.value
    if isinstance(value, bool):
        yield "boolean", ast.Constant(not value)
    elif isinstance(value, int):
        yield "off by one", ast.Constant(value + 1)
        if value > 0:
            yield "off by one", ast.Constant(value - 1)
    elif isinstance(value, float):
        yield "constant", ast.Constant(value * GROWTH if value else 0.1)


def _with(node, **changes):
    new = copy.deepcopy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _operation(node, context):
    swap = SWAPS.get(type(node.op))
    if swap:
        yield "operator", _with(node, op=swap())
    if isinstance(node.op, ast.Add):
        yield "missing term", copy.deepcopy(node.left)
        yield "missing term", copy.deepcopy(node.right)


def _comparison(node, context):
    swap = SWAPS.get(type(node.ops[0]))
    if swap and len(node.ops) == 1:
        yield "comparison", _with(node, ops=[swap()])


def _sign(node, context):
    if isinstance(node.op, ast.USub | ast.Not):
        yield "sign", copy.deepcopy(node.operand)


def _choice(node, context):
    test = ast.UnaryOp(ast.Not(), copy.deepcopy(node.test))
    yield "condition", _with(node, test=test)


def _call(node, context):
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    positional = [a for a in node.args if not isinstance(a, ast.Starred)]
    if name in FUNCTIONS and isinstance(function, ast.Attribute):
        yield "function", _with(node, func=_with(function, attr=FUNCTIONS[name]))
    if name == "activation":
        yield "activation", _with(node, args=[ast.Constant("relu")])
    if name in REARRANGING and isinstance(function, ast.Attribute):
        yield "transposition", copy.deepcopy(function.value)
    if _is_layer(function) and len(node.args) == 1 and not node.keywords:
        yield "layer left out", copy.deepcopy(node.args[0])
    if name == "Linear" and not any(k.arg == "bias" for k in node.keywords):
        keyword = ast.keyword("bias", ast.Constant(False))
        yield "missing bias", _with(node, keywords=[*copy.deepcopy(node.keywords), keyword])
    differ = len(positional) >= 2 and ast.dump(positional[0]) != ast.dump(positional[1])
    if differ and name not in SYMMETRIC:
        args = copy.deepcopy(node.args)
        args[0], args[1] = args[1], args[0]
        yield "arguments swapped", _with(node, args=args)
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in ("eps", "scale"):
            more = ast.BinOp(copy.deepcopy(keyword.value), ast.Mult(), ast.Constant(GROWTH))
            yield keyword.arg, _with(node, keywords=_replaced(node, place, more))
        elif isinstance(keyword.value, ast.Constant) and keyword.value.value is None:
            continue
        elif keyword.arg not in PLUMBING:
            rest = copy.deepcopy(node.keywords)
            del rest[place]
            yield "argument left out", _with(node, keywords=rest)


def _replaced(node, place, value):
    keywords = copy.deepcopy(node.keywords)
    keywords[place].value = value
    return keywords


def _is_layer(function):
    """self.a, self.a.b: a module of this class."""
    while isinstance(function, ast.Attribute):
        function = function.value
        if isinstance(function, ast.Name):
            return function.id == "self"
    return False


def _attribute(node, context):
    own = isinstance(node.value, ast.Name) and node.value.id == "self"
    if own and isinstance(node.ctx, ast.Load) and node.attr in context.siblings:
        yield "another layer", _with(node, attr=context.siblings[node.attr])


def _statement(node, context):
    if not isinstance(node.value, ast.Constant):  # a docstring
        yield "statement left out", ast.Pass()


def _rebinding(node, context):
    target = node.targets[0]
    if isinstance(target, ast.Name):
        uses = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
        if target.id in uses:
            yield "statement left out", ast.Pass()


OPERATORS = (
    (ast.Constant, _constant),
    (ast.BinOp, _operation),
    (ast.BoolOp, lambda n, c: [("operator", _with(n, op=SWAPS[type(n.op)]()))]),
    (ast.Compare, _comparison),
    (ast.UnaryOp, _sign),
    ((ast.If, ast.IfExp), _choice),
    (ast.Call, _call),
    (ast.Attribute, _attribute),
    (ast.Expr, _statement),
    (ast.AugAssign, lambda n, c: [("statement left out", ast.Pass())]),
    (ast.Assign, _rebinding),
)
