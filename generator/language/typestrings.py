"""Types as specs write them: `float[b, s, hidden_size]`, `int[b|1, s]?`, `static bool = false`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from ..diagnostics import Diagnostics, listed
from ..dims import Dim, TooLarge, opaque
from ..types import (
    ANY,
    DTYPES,
    DictOf,
    Either,
    ListOf,
    Mask,
    Record,
    Static,
    Tensor,
    Type,
    is_optional,
    make_optional,
    strip_optional,
)
from .syntax import Place, parse_expression

STATIC_KINDS = ("int", "float", "bool", "str", "list", "dict", "any")
MAX_TYPE_DEPTH = 8
SIZE_FUNCTIONS = ("exact", "min", "max", "len")
REST = "?..."  # stands for any number of sizes, at the end of a result's
_ANY = count()


@dataclass(frozen=True)
class ParsedType:
    type: Type
    default: Any = ...
    like: str | None = None


def unknown_dim() -> Dim:
    """A size that nothing is known about; it agrees with every other (`_` in a type)."""
    return Dim.of(f"?{next(_ANY)}")


def has_unknown(dim: Dim) -> bool:
    return any(symbol.startswith("?") for symbol in dim.symbols)


def parse_type(
    text: str,
    place: Place,
    errors: Diagnostics,
    resolve: Callable[[str], Dim | None],
    result: bool = False,
) -> ParsedType | None:
    """Read a type; `resolve` knows configuration fields, sizes and arguments.

    `result`: whether it is one of a result, whose shapes may end in `...`, and which may be of
    either of several types.
    """
    reader = _Reader(text, place, errors, resolve, result)
    try:
        return reader.read()
    except _Stop:
        return None


class _Stop(Exception):
    pass


class _Reader:
    def __init__(self, text: str, place: Place, errors: Diagnostics, resolve, result) -> None:
        self.text, self.place, self.errors, self.resolve = text, place, errors, resolve
        self.result = result
        self.start = 0  # of the sizes in the text
        self.depth = 0

    def fail(self, message: str, column: int = 0, **details) -> None:
        self.errors.error(self.place(0, column), message, **details)
        raise _Stop

    def fail_at(self, node: ast.expr, message: str, **details) -> None:
        column = self.start + node.col_offset - 1 if node.lineno == 1 else node.col_offset
        self.errors.error(self.place(node.lineno - 1, column), message, **details)
        raise _Stop

    def read(self) -> ParsedType:
        text = self.text.strip()
        if text.startswith("like "):
            return ParsedType(ANY, like=text[5:].strip())
        if text.startswith("static "):
            return self.static(text[7:])
        return ParsedType(self.type(text))

    def static(self, text: str) -> ParsedType:
        kind, _, default = (part.strip() for part in text.partition("="))
        optional = kind.endswith("?")
        kind = kind.rstrip("?")
        if kind not in STATIC_KINDS:
            self.fail("not a static type", expected=", ".join(STATIC_KINDS), found=kind)
        result: Type = Static(kind)
        return ParsedType(
            make_optional(result) if optional else result,
            default=literal(default) if default else ...,
        )

    def misspelt(self, name: str) -> str | None:
        """The known size that a free one differs from by one letter, or two that changed places."""
        known = getattr(getattr(self.resolve, "__self__", None), "size_names", ())
        return next((other for other in known if one_slip(name, other)), None)

    def type(self, text: str) -> Type:
        text = text.strip()
        self.depth += 1
        if self.depth > MAX_TYPE_DEPTH:
            self.fail("the type is nested too deeply")
        if self.result and len(parts := split_outside(text, "|")) > 1:
            return self.either(parts)
        if text.endswith("?"):
            return make_optional(self.type(text[:-1]))
        if match := re.fullmatch(r"list<(.*)>", text, re.S):
            return ListOf(self.type(match.group(1)))
        if match := re.fullmatch(r"dict<(.*)>", text, re.S):
            return DictOf(self.type(match.group(1)))
        if match := re.fullmatch(r"\{(.*)\}", text, re.S):
            return Record("", tuple(self.entry(part) for part in split_outside(match.group(1))))
        match = re.fullmatch(r"([A-Za-z0-9]+)\s*\[(.*)\]", text, re.S)
        if not match:
            self.fail(
                "not a type", expected="such as float[b, s, hidden_size]", found=self.text.strip()
            )
        dtype, inside = match.groups()
        dims = self.dims(inside)
        if dtype == "Mask":
            if len(dims) != 3:
                self.fail("a mask has three sizes", expected="Mask[b, s, t]", found=text)
            return Mask(*dims)
        if dtype not in DTYPES:
            self.fail("not an element type", expected=", ".join(DTYPES), found=dtype)
        return Tensor(dtype, dims)

    def either(self, parts: list[str]) -> Type:
        """`A | B`; if one may be absent, so may all of it."""
        kinds = [self.type(part) for part in parts]
        kind = Either(tuple(map(strip_optional, kinds)))
        return make_optional(kind) if any(map(is_optional, kinds)) else kind

    def entry(self, text: str) -> tuple[str, Type]:
        """`name: type`, of what has several values under names."""
        name, colon, kind = (part.strip() for part in text.partition(":"))
        if not colon or not name.isidentifier():
            self.fail("not a name and a type", expected="such as {boxes: float[n, 4]}", found=text)
        return name, self.type(kind)

    def dims(self, text: str) -> tuple[Dim, ...]:
        if not text.strip():
            return ()
        start = self.start = self.text.find(text)
        source = parse_expression(
            f"({text},)",
            lambda line, column: self.place(line, column + start - 1 if line == 0 else column),
            self.errors,
        )
        if source is None:
            raise _Stop
        try:
            *sizes, last = source.tree.body.elts
            if self.result and isinstance(last, ast.Constant) and last.value is Ellipsis:
                return (*(self.dim(node) for node in sizes), Dim.of(REST))
            return tuple(self.dim(node) for node in source.tree.body.elts)
        except TooLarge:
            return self.fail("the size has too many terms")

    def dim(self, node: ast.expr) -> Dim:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return Dim.of(node.value)
        if isinstance(node, ast.Name):
            if node.id == "_":
                return unknown_dim()
            known = self.resolve(node.id)
            if known is None and (meant := self.misspelt(node.id)):
                hint = f"did you mean '{meant}'?"
                self.fail_at(node, f"no field, size or argument is called {node.id}", hint=hint)
            return known if known is not None else Dim.of(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dim = self.resolve(f"{node.value.id}.{node.attr}")
            if dim is not None:
                return dim
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.BitOr):
                return opaque("|1", self.dim(node.left))
            left, right = self.dim(node.left), self.dim(node.right)
            if isinstance(node.op, ast.Div) and (quotient := left.exact(right)) is not None:
                return quotient
            result = dim_binary(type(node.op), left, right)
            return (
                result
                if result is not None
                else self.fail_at(node, "not a size", found=ast.unparse(node))
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.dim(node.operand)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            arguments = [self.dim(argument) for argument in node.args]
            if node.func.id not in SIZE_FUNCTIONS or node.keywords or not arguments:
                expected = f"{listed(SIZE_FUNCTIONS)} of sizes"
                self.fail_at(node, "not a size", expected=expected, found=ast.unparse(node))
            if node.func.id == "exact" and len(arguments) == 2:
                quotient = arguments[0].exact(arguments[1])
                if quotient is not None:
                    return quotient
            return opaque(node.func.id, *arguments)
        return self.fail_at(node, "not a size", found=ast.unparse(node))


def split_outside(text: str, separator: str = ",") -> list[str]:
    """The parts between separators that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[{<(") - (character in "]}>)")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def dim_binary(operator: type, left: Dim, right: Dim) -> Dim | None:
    if operator is ast.Add:
        return left + right
    if operator is ast.Sub:
        return left - right
    if operator is ast.Mult:
        return left * right
    if operator is ast.FloorDiv:
        return opaque("//", left, right)
    if operator is ast.Mod:
        return opaque("%", left, right)
    if operator is ast.Pow:
        power = right.constant
        if power is not None and 0 <= power <= 4:
            result = Dim.of(1)
            for _ in range(power):
                result = result * left
            return result
        return opaque("**", left, right)
    return None


def one_slip(name: str, other: str) -> bool:
    """Whether two long names differ by one letter, the s of a plural apart."""
    short, long = sorted((name, other), key=len)
    if len(short) < 5 or len(long) - len(short) > 1 or long == short + "s":
        return False
    pairs = enumerate(zip(short, long, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), len(short))
    if len(long) > len(short):
        return short[at:] == long[at + 1 :]
    swapped = short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return short != long and (short[at + 1 :] == long[at + 1 :] or swapped == long[at:])


def literal(text: str) -> Any:
    """A YAML-like literal in a type string."""
    words = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
