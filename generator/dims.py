"""Symbolic dimensions: polynomials with rational coefficients over named sizes.

`hidden_size`, `2 * window - 1` and `exact(hidden_size, heads) * heads` are dimensions. Two of them
are equal when their normal forms are. What a polynomial cannot express (floor division, a minimum)
is an opaque atom, equal only to the same operation on equal arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

Atom = "str | Opaque"


@dataclass(frozen=True)
class Opaque:
    """An operation on dimensions that has no polynomial form."""

    operation: str
    arguments: tuple[Dim, ...]

    def __str__(self) -> str:
        arguments = [str(argument) for argument in self.arguments]
        if self.operation in INFIX and len(arguments) == 2:
            left, right = (
                text if argument.is_simple else f"({text})"
                for text, argument in zip(arguments, self.arguments, strict=True)
            )
            return f"{left} {self.operation} {right}"
        if self.operation == "|1":
            return f"{arguments[0]}|1"
        return f"{self.operation}({', '.join(arguments)})"


INFIX = ("//", "%", "**")
MAX_WEIGHT = 2_000  # names in one dimension, all terms and opaque atoms together
MAX_POWER = 64


class TooLarge(ValueError):
    """A dimension of more terms than any model needs."""


UNKNOWN_NAME = re.compile(r"\?\d+")  # sizes that nothing is known about are numbered
FOLD: dict[str, Callable[..., int]] = {
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "min": min,
    "max": max,
}


@dataclass(frozen=True)
class Dim:
    """A sum of monomials; a monomial is a sorted tuple of (atom, power)."""

    terms: tuple[tuple[tuple[tuple[Atom, int], ...], Fraction], ...]

    @staticmethod
    def of(value: int | str | Opaque | Dim) -> Dim:
        if isinstance(value, Dim):
            return value
        if isinstance(value, int):
            return Dim((((), Fraction(value)),)) if value else Dim(())
        return Dim(((((value, 1),), Fraction(1)),))

    @staticmethod
    def _from(terms: Mapping[tuple, Fraction]) -> Dim:
        kept = [(monomial, factor) for monomial, factor in terms.items() if factor]
        if sum(_weight(monomial) for monomial, _ in kept) > MAX_WEIGHT:
            raise TooLarge
        return Dim(tuple(sorted(kept, key=lambda term: _key(term[0]))))

    def __add__(self, other: Dim | int) -> Dim:
        terms = dict(self.terms)
        for monomial, factor in Dim.of(other).terms:
            terms[monomial] = terms.get(monomial, Fraction(0)) + factor
        return Dim._from(terms)

    def __neg__(self) -> Dim:
        return Dim(tuple((monomial, -factor) for monomial, factor in self.terms))

    def __sub__(self, other: Dim | int) -> Dim:
        return self + (-Dim.of(other))

    def __mul__(self, other: Dim | int) -> Dim:
        other = Dim.of(other)
        if len(self.terms) * len(other.terms) > MAX_WEIGHT:
            raise TooLarge
        terms: dict[tuple, Fraction] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                powers: dict[Atom, int] = dict(left)
                for atom, power in right:
                    powers[atom] = powers.get(atom, 0) + power
                kept = [(atom, power) for atom, power in powers.items() if power]
                monomial = tuple(sorted(kept, key=lambda item: str(item[0])))
                terms[monomial] = terms.get(monomial, Fraction(0)) + a * b
        return Dim._from(terms)

    def exact(self, other: Dim) -> Dim | None:
        """The quotient where `other` is one monomial; None where it is a sum."""
        if len(other.terms) != 1:
            return Dim.of(1) if self == other else None
        ((monomial, factor),) = other.terms
        inverse = tuple((atom, -power) for atom, power in monomial)
        return self * Dim(((inverse, 1 / factor),))

    @property
    def constant(self) -> int | None:
        if not self.terms:
            return 0
        if len(self.terms) == 1 and not self.terms[0][0]:
            value = self.terms[0][1]
            return int(value) if value.denominator == 1 else None
        return None

    @property
    def symbol(self) -> str | None:
        """The name, where the dimension is just one."""
        if len(self.terms) == 1 and self.terms[0][1] == 1:
            monomial = self.terms[0][0]
            if len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], str):
                return monomial[0][0]
        return None

    @property
    def is_simple(self) -> bool:
        return self.symbol is not None or (self.constant is not None and self.constant >= 0)

    @property
    def unless_one(self) -> Dim | None:
        """For `b|1`, the dimension b."""
        opaque = self._opaque("|1")
        return opaque.arguments[0] if opaque else None

    def _opaque(self, operation: str) -> Opaque | None:
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            atom, power = self.terms[0][0][0]
            if power == 1 and isinstance(atom, Opaque) and atom.operation == operation:
                return atom
        return None

    @cached_property
    def symbols(self) -> frozenset[str]:
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom, _ in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    for argument in atom.arguments:
                        found |= argument.symbols
        return frozenset(found)

    @cached_property
    def weight(self) -> int:
        return sum(_weight(monomial) for monomial, _ in self.terms)

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        if not self.symbols & values.keys():
            return self
        total = Dim.of(0)
        for monomial, factor in self.terms:
            product = Dim((((), factor),))
            for atom, power in monomial:
                if isinstance(atom, str):
                    base = values.get(atom, Dim.of(atom))
                else:
                    arguments = [argument.substitute(values) for argument in atom.arguments]
                    base = opaque(atom.operation, *arguments)
                for _ in range(abs(power)):
                    product = product * base if power > 0 else _divide(product, base)
            total = total + product
        return total

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        parts = [_monomial_text(monomial, factor) for monomial, factor in self.terms]
        text = " + ".join(parts).replace("+ -", "- ")
        return UNKNOWN_NAME.sub("_", text).replace("?...", "...")


def opaque(operation: str, *arguments: Dim) -> Dim:
    """`operation(arguments)`, computed where they are all known."""
    constants = [argument.constant for argument in arguments]
    if operation == "|1" and constants[0] == 1:
        return Dim.of(1)
    if operation in FOLD and all(value is not None for value in constants):
        if operation in ("//", "%") and constants[1] == 0:
            return Dim.of(Opaque(operation, arguments))
        if operation == "**" and not 0 <= constants[1] <= MAX_POWER:
            return Dim.of(Opaque(operation, arguments))
        return Dim.of(FOLD[operation](*constants))
    if operation == "//" and constants[1] == 1:
        return arguments[0]
    if sum(argument.weight for argument in arguments) > MAX_WEIGHT:
        raise TooLarge
    return Dim.of(Opaque(operation, arguments))


def _divide(left: Dim, right: Dim) -> Dim:
    quotient = left.exact(right)
    return quotient if quotient is not None else opaque("/", left, right)


def _weight(monomial: tuple) -> int:
    atoms = (atom for atom, _ in monomial)
    return 1 + sum(1 if isinstance(a, str) else sum(x.weight for x in a.arguments) for a in atoms)


def _key(monomial: tuple) -> tuple:
    # highest degree first, constants last, as one writes them
    return (-sum(abs(power) for _, power in monomial), str(monomial))


def _monomial_text(monomial: tuple, factor: Fraction) -> str:
    above, below = [], []
    if factor.numerator != 1 or not any(power > 0 for _, power in monomial):
        above.append(str(factor.numerator))
    if factor.denominator != 1:
        below.append(str(factor.denominator))
    for atom, power in monomial:
        text = str(atom) if isinstance(atom, str) or len(monomial) == 1 else f"({atom})"
        (above if power > 0 else below).append(text if abs(power) == 1 else f"{text}**{abs(power)}")
    text = " * ".join(above)
    if above[:1] == ["-1"] and len(above) > 1:
        text = "-" + " * ".join(above[1:])
    return text + "".join(f" / {item}" for item in below)
