"""Symbolic sizes: equal normal forms mean equal numbers, whatever the names stand for."""

import random
from fractions import Fraction

import pytest
from triptych.generator.dims import MAX_WEIGHT, Dim, Opaque, TooLarge, opaque

NAMES = ("hidden", "heads", "window", "s")


def draw(rng: random.Random, depth: int) -> tuple[Dim, str]:
    """A random size, and the same as Python source."""
    if depth == 0 or rng.random() < 0.2:
        if rng.random() < 0.6:
            name = rng.choice(NAMES)
            return Dim.of(name), name
        number = rng.randint(-3, 9)
        return Dim.of(number), f"({number})"
    (left, a), (right, b) = draw(rng, depth - 1), draw(rng, depth - 1)
    operation = rng.choice(("+", "-", "*", "*", "//", "%", "min", "max"))
    if operation in ("//", "%"):
        right, b = right * right + 1, f"({b} * {b} + 1)"
        return opaque(operation, left, right), f"({a} {operation} {b})"
    if operation in ("min", "max"):
        return opaque(operation, left, right), f"{operation}({a}, {b})"
    value = {"+": left + right, "-": left - right, "*": left * right}[operation]
    return value, f"({a} {operation} {b})"


def numbers(rng: random.Random) -> dict[str, int]:
    return {name: rng.randint(1, 50) for name in NAMES}


def known(dim: Dim, values: dict[str, int]) -> int | None:
    return dim.substitute({name: Dim.of(value) for name, value in values.items()}).constant


@pytest.mark.parametrize("seed", range(60))
def test_arithmetic_is_that_of_whole_numbers(seed):
    rng = random.Random(seed)
    for _ in range(10):
        dim, source = draw(rng, rng.randint(1, 4))
        for _ in range(4):
            values = numbers(rng)
            assert known(dim, values) == eval(
                source, {"min": min, "max": max}, dict(values)
            ), source


@pytest.mark.parametrize("seed", range(40))
def test_laws(seed):
    rng = random.Random(seed)
    a, b, c = (draw(rng, 2)[0] for _ in range(3))
    assert a + b == b + a and a * b == b * a
    assert (a + b) + c == a + (b + c) and (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == Dim.of(0) and a + 0 == a and a * 1 == a and a * 0 == Dim.of(0)
    assert (-a) * -1 == a and hash(a * (b + c)) == hash(a * b + a * c)


@pytest.mark.parametrize("seed", range(40))
def test_different_normal_forms_differ_for_some_numbers(seed):
    rng = random.Random(seed)
    polynomials = [
        sum(
            (Dim.of(rng.choice(NAMES)) * rng.randint(1, 4) for _ in range(3)),
            Dim.of(rng.randint(0, 3)),
        )
        for _ in range(2)
    ]
    a, b = polynomials
    draws = [numbers(rng) for _ in range(20)]
    assert (a == b) == all(known(a, values) == known(b, values) for values in draws)


@pytest.mark.parametrize("seed", range(40))
def test_an_exact_division_cancels(seed):
    rng = random.Random(seed)
    total, part = Dim.of(rng.choice(NAMES)), Dim.of(rng.choice(NAMES)) * rng.randint(1, 5)
    quotient = total.exact(part)
    assert quotient * part == total
    assert (total * part).exact(part) == total
    values = numbers(rng)
    divisor = known(part, values)
    values = {name: value * divisor for name, value in values.items()}
    expected = Fraction(known(total, values), known(part, values))
    assert known(quotient, values) == (expected.numerator if expected.denominator == 1 else None)


def test_division_by_a_sum():
    total = Dim.of("a") + Dim.of("b")
    assert total.exact(total) == Dim.of(1)
    assert Dim.of("a").exact(total) is None


def test_floor_division_is_equal_only_to_itself():
    a, b = Dim.of("a"), Dim.of("b")
    assert opaque("//", a, b) == opaque("//", a, b)
    assert opaque("//", a, b) * b != a
    assert opaque("//", a, Dim.of(1)) == a
    assert opaque("//", Dim.of(7), Dim.of(2)) == Dim.of(3)
    assert opaque("%", Dim.of(-7), Dim.of(4)) == Dim.of(1)


def test_what_cannot_be_computed_stays_as_it_is():
    for operation, left, right in (("//", 7, 0), ("%", 7, 0), ("**", 2, -1), ("**", 9, 10**9)):
        dim = opaque(operation, Dim.of(left), Dim.of(right))
        assert dim.constant is None and str(dim) in (f"{left} {operation} {right}", "2 ** (-1)")


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (Dim.of(0), "0"),
        (Dim.of(-3), "-3"),
        (Dim.of("b"), "b"),
        (Dim.of("a") * 2 - 1, "2 * a - 1"),
        (Dim.of("a") * Dim.of("a"), "a**2"),
        (-Dim.of("a") + Dim.of("b") * 3, "-a + 3 * b"),
        (Dim.of("a").exact(Dim.of("b")), "a / b"),
        (Dim.of("a").exact(Dim.of(2)), "a / 2"),
        (opaque("//", Dim.of("a") + 1, Dim.of(2)), "(a + 1) // 2"),
        (opaque("max", Dim.of("a"), Dim.of(2)) + 1, "max(a, 2) + 1"),
        (opaque("|1", Dim.of("b")), "b|1"),
    ],
)
def test_text(dim, text):
    assert str(dim) == text


def test_what_a_size_is():
    assert Dim.of("b").symbol == "b" and (Dim.of("b") * 2).symbol is None
    assert Dim.of(4).constant == 4 and Dim.of(4).exact(Dim.of(8)).constant is None
    assert Dim.of("b").is_simple and not (Dim.of("b") + 1).is_simple
    assert opaque("|1", Dim.of("b")).unless_one == Dim.of("b") and Dim.of("b").unless_one is None
    assert opaque("|1", Dim.of(1)) == Dim.of(1)
    nested = opaque("//", Dim.of("h") + Dim.of("p"), Dim.of("w"))
    assert nested.symbols == {"h", "p", "w"}
    assert nested.substitute({"h": Dim.of(5), "p": Dim.of(2), "w": Dim.of(3)}) == Dim.of(2)
    assert Dim.of(Opaque("length", (Dim.of("kv"),))) != Dim.of(Opaque("length", (Dim.of("other"),)))


def test_a_size_has_bounded_length():
    total = sum((Dim.of(f"x{i}") for i in range(30)), Dim.of(0))
    with pytest.raises(TooLarge):
        for _ in range(40):
            total = opaque("//", total * total, Dim.of("y")) + total
    with pytest.raises(TooLarge):
        sum((Dim.of(f"x{i}") for i in range(MAX_WEIGHT)), Dim.of(0))
