"""Options with a fixed value: what they decide, and that nothing else changes."""

import ast

import pytest
from triptych.generator.diagnostics import Diagnostics
from triptych.generator.language.folding import fold
from triptych.generator.language.syntax import parse_block, parse_layer

BRANCHES = """\
if adapted and deep:
    x = adapter(x)
elif wide:
    x = widen(x, count)
else:
    for layer in layers:
        if adapted:
            x = layer(x)
return x if not adapted else adapter(x)
"""


def block(text, **values):
    source = parse_block(text, lambda *_: None, Diagnostics())
    return ast.unparse(fold(source, values).tree)


def layer(text, **values):
    source = parse_layer(text, lambda *_: None, Diagnostics())
    return ast.unparse(fold(source, values).tree)


def test_branches_that_are_ruled_out_are_gone():
    assert block(BRANCHES, adapted=False) == (
        "if wide:\n    x = widen(x, count)\nelse:\n    for layer in layers:\n        pass\nreturn x"
    )
    assert block(BRANCHES, adapted=True, deep=True) == "x = adapter(x)\nreturn adapter(x)"


def test_nothing_follows_a_return_that_is_now_sure():
    assert block("if early:\n    return x\nreturn y", early=True) == "return x"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = kind == 'a' or other", "x = True"),
        ("x = kind != 'a' or other", "x = other"),
        ("x = kind is None", "x = False"),
        ("x = config.kind", "x = 'a'"),
        ("x = config.other", "x = config.other"),
        ("kind = 2\nx = kind", "kind = 2\nx = kind"),  # a local of that name
        ("x = kind(kind)", "x = kind('a')"),  # a layer of that name
        ("x = 1 if a < b < c else 2", "x = 1 if a < b < c else 2"),
    ],
)
def test_expressions(text, found):
    assert block(text, kind="a") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Adapter(width) if adapted else None", "None"),
        ("Adapter(width) if not adapted else None", "Adapter(width)"),
        ("linear(a, b, tied=words if adapted else None)", "linear(a, b)"),
        ("Layer(i, adapted) for i in range(n)", "[Layer(i, False) for i in range(n)]"),
    ],
)
def test_layers(text, found):
    assert layer(text, adapted=False) == found


def test_the_parsed_text_is_left_as_it_is():
    source = parse_block(BRANCHES, lambda *_: None, Diagnostics())
    before = ast.dump(source.tree)
    fold(source, {"adapted": False})
    assert ast.dump(source.tree) == before
    assert fold(source, {}) is source
