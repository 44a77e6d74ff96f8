"""The restricted Python syntax of expressions and `forward` blocks: parsed, never executed."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from ..diagnostics import Diagnostics, Location

MAX_LENGTH = 20_000
MAX_NODES = 4_000
MAX_DEPTH = 60

EXPRESSIONS = (
    ast.Expression, ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple,
    ast.List, ast.Dict, ast.UnaryOp, ast.BinOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Call,
    ast.keyword, ast.ListComp, ast.DictComp, ast.comprehension, ast.Load, ast.Store, ast.operator,
    ast.unaryop, ast.cmpop, ast.boolop,
)  # fmt: skip
STATEMENTS = (ast.Module, ast.Assign, ast.If, ast.For, ast.Return, ast.Expr, ast.Pass)
FORBIDDEN_OPERATORS = (ast.LShift, ast.RShift, ast.BitXor)

# how what is not part of the language is written
WRITTEN = {
    "AnnAssign": "x: type = ...", "Assert": "assert", "AsyncFor": "async for",
    "AsyncFunctionDef": "async def",
    "AugAssign": "an assignment such as +=", "Await": "await", "BitXor": "^", "Break": "break",
    "ClassDef": "class",
    "Continue": "continue", "Delete": "del", "FormattedValue": "an f-string", "FunctionDef": "def",
    "GeneratorExp": "a generator", "Global": "global", "Import": "import", "ImportFrom": "import",
    "JoinedStr": "an f-string", "LShift": "<<", "Lambda": "lambda", "Match": "match",
    "NamedExpr": ":=",
    "Nonlocal": "nonlocal", "RShift": ">>", "Raise": "raise", "Set": "a set", "SetComp": "a set",
    "Starred": "*", "TemplateStr": "a t-string", "Try": "try", "TryStar": "try",
    "TypeAlias": "type",
    "While": "while", "With": "with", "Yield": "yield", "YieldFrom": "yield",
}  # fmt: skip
HINTS = {
    "AugAssign": "write x = x + ...",
    "While": "loops run over stacks, lists and static ranges",
    "FunctionDef": "write it under 'functions'",
}

Place = Callable[[int, int], Location]  # (line, column) in the text, from 0 -> place in the file


@dataclass(frozen=True)
class Source:
    """A parsed text with the place of each node and the comments above each statement."""

    tree: ast.AST
    place: Place
    comments: dict[int, tuple[str, ...]]  # by line of the statement, from 1

    def locate(self, node: ast.AST) -> Location:
        return self.place(getattr(node, "lineno", 1) - 1, getattr(node, "col_offset", 0))


def parse_expression(text: str, place: Place, errors: Diagnostics) -> Source | None:
    return _parse(text, place, errors, "eval", EXPRESSIONS)


def parse_layer(text: str, place: Place, errors: Diagnostics) -> Source | None:
    """A constructor, `CTOR for i in range(n)` included (the brackets are implied)."""
    source = _parse(f"[{text}\n]", _shift(place), errors, "eval", EXPRESSIONS)
    if source is None:
        return None
    tree = source.tree.body
    if isinstance(tree, ast.List):
        if len(tree.elts) != 1:
            errors.error(place(0, 0), "a layer is one constructor", found=text.strip())
            return None
        tree = tree.elts[0]
    return Source(ast.Expression(tree), source.place, {})


def parse_block(text: str, place: Place, errors: Diagnostics) -> Source | None:
    source = _parse(text, place, errors, "exec", EXPRESSIONS + STATEMENTS)
    if source is None:
        return None
    return Source(source.tree, place, _comments(text, source.tree))


def _shift(place: Place) -> Place:
    return lambda line, column: place(line, column - 1 if line == 0 else column)


def _parse(text: str, place: Place, errors: Diagnostics, mode: str, allowed) -> Source | None:
    if len(text) > MAX_LENGTH:
        errors.error(place(0, 0), f"the text is longer than {MAX_LENGTH} characters")
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as `0or x`
            tree = ast.parse(text, mode=mode)
    except SyntaxError as error:
        line, column = max((error.lineno or 1) - 1, 0), max((error.offset or 1) - 1, 0)
        hint = "write '... else None'" if "expected 'else'" in str(error.msg) else None
        errors.error(place(line, column), f"cannot be read: {error.msg}", hint=hint)
        return None
    except (ValueError, RecursionError, MemoryError):
        errors.error(place(0, 0), "the text is nested too deeply or holds a NUL character")
        return None
    if not _legal(tree, allowed, place, errors):
        return None
    return Source(tree, place, {})


def _legal(tree: ast.AST, allowed: tuple, place: Place, errors: Diagnostics) -> bool:
    count, legal = 0, True
    queue = [(tree, 0, (0, 0))]
    while queue:
        node, depth, where = queue.pop()
        if hasattr(node, "lineno"):
            where = node.lineno - 1, node.col_offset
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            errors.error(place(0, 0), "the expression is too large", hint="split it up")
            return False
        if not isinstance(node, allowed) or isinstance(node, FORBIDDEN_OPERATORS):
            kind = type(node).__name__
            found = WRITTEN.get(kind, kind.lower())
            errors.error(
                place(*where), f"{found} is not part of the language", hint=HINTS.get(kind)
            )
            legal = False
            continue
        name = getattr(node, "attr", getattr(node, "id", None))
        if isinstance(name, str) and not name.isascii():
            shown = name[:40].encode("ascii", "backslashreplace").decode()
            message = "names are written in ASCII letters, digits and underscores"
            errors.error(place(*where), message, found=shown)
            legal = False
        elif isinstance(name, str) and name.startswith("_") and name != "_":
            errors.error(place(*where), "names do not start with an underscore", found=name[:40])
            legal = False
            continue  # nothing more is said about the rest of a chain
        queue += [(child, depth + 1, where) for child in ast.iter_child_nodes(node)]
    return legal


def _comments(text: str, tree: ast.AST) -> dict[int, tuple[str, ...]]:
    """Comments belong to the statement that follows, or that they stand behind."""
    lines = sorted({node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)})
    comments: dict[int, list[str]] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line = next((line for line in lines if line >= token.start[0]), None)
            if line is not None:
                comments.setdefault(line, []).append(token.string)
    return {line: tuple(items) for line, items in comments.items()}
