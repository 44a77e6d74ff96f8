"""What each kind of expression and statement means: types, joins, broadcasts, legal code."""

import re
from dataclasses import replace
from pathlib import Path
from textwrap import indent

import pytest
from triptych.generator import ir, legality
from triptych.generator.configs import read_config
from triptych.generator.diagnostics import Diagnostics
from triptych.generator.dims import Dim, opaque
from triptych.generator.language import declarations, unify
from triptych.generator.language.modules import Checker, ModuleSource
from triptych.generator.language.program import Program
from triptych.generator.language.taps import tap_type
from triptych.generator.language.typestrings import has_unknown, one_slip, parse_type, unknown_dim
from triptych.generator.spec import load_spec
from triptych.generator.types import (
    ERROR,
    NONE,
    Either,
    ListOf,
    Mask,
    Optional,
    Static,
    Tensor,
    TupleOf,
    integer,
)
from triptych.generator.yaml_loader import parse_yaml

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
VALID = TESTS / "specs" / "wrong" / "valid.yaml"
SPECS = [
    *sorted((ROOT / "specs" / "models").glob("*.yaml")),
    *sorted((TESTS / "specs").glob("*.yaml")),
    VALID,
]
LIBRARIES = [ROOT / "specs" / "library", VALID.parent / "library"]
B, S, D = Dim.of("b"), Dim.of("s"), Dim.of("d")
F = Tensor("float", (B, S))

PROBE = """\
args: {width: int, flag: bool, label: "str?"}
sizes: {half: "exact(hidden_size, 2)", both: flag and use_pooler}
layers:
  dense: linear(hidden_size, inner_size)
  words: embedding(vocab_size, hidden_size)
  table: param(num_heads, hidden_size)
  maybe: linear(hidden_size, 3) if flag else None
  stack: Block() for i in range(num_layers)
states: {kv: "kv_cache(num_heads, head_dim)"}
inputs:
  x: float[b, s, hidden_size]
  y: float[b|1, s, hidden_size]
  ids: int[b, s]
  keep: bool[b, s]
  q: float[b, num_heads, s, head_dim]
  attend: Mask[b, s, t]
  maybe_x: float[b, s, hidden_size]?
  images: list<float[b, _, _]>
  count: static int
  scale: static float
  options: static dict?
forward: |
"""


@pytest.fixture(scope="module")
def program() -> Program:
    found = Program(load_spec(VALID, LIBRARIES))
    found.check()
    return found


def check(program: Program, forward: str) -> tuple[ir.Module | None, list[str]]:
    text = PROBE + indent(forward.strip(), "  ") + "\n"
    data = parse_yaml(text, "probe.yaml")
    source = ModuleSource("Probe", data, False, location=data.location)
    errors = Diagnostics()
    module = Checker(program, source, errors).check()
    return module, [str(error) for error in errors]


def infer(program: Program, expression: str) -> str:
    """The type of an expression, unknown sizes as `_`; or the message."""
    module, errors = check(program, f"result = {expression}\nreturn result")
    if module is None:
        (message,) = errors
        return message.partition("Probe: ")[2] or message
    return re.sub(r"\?\d+", "_", str(module.body[-2].value.type))


EXPRESSIONS = {
    # literals and names
    "1": "static int = 1",
    "1.5": "static float",
    "True": "static bool",
    "None": "static none",
    '"text"': "static str",
    "pi": "static float",
    "x": "float[b, s, hidden_size]",
    "s": "static int = s",
    "width": "static int = width",
    "half": "static int = hidden_size / 2",
    "both": "static bool",
    "hidden_size": "static int = hidden_size",
    "config.act": "static str",
    "kernel_sizes": "static list",
    "num_labels": "static int = num_labels",
    "table": "float[num_heads, hidden_size]",
    "training": "static bool",
    # static arithmetic
    "2 * hidden_size - 1": "static int = 2 * hidden_size - 1",
    "hidden_size // 3": "static int = hidden_size // 3",
    "exact(hidden_size, num_heads) * num_heads": "static int = hidden_size",
    "hidden_size / 2": "static float",
    "rate * 2": "static float",
    "min(hidden_size, 4)": "static int = min(hidden_size, 4)",
    "max(3, 4)": "static int = 4",
    "len(kernel_sizes)": "static int = len(kernel_sizes)",
    "kernel_sizes[0]": "static int = item(kernel_sizes[0])",
    "act + 'x'": "static str",
    "-count": "static int = -count",
    "sqrt(hidden_size)": "static float",
    "int(hidden_size ** 0.5)": "static int = _",
    "-(-7 // 2)": "static int = 4",
    "num_heads > 2 and not flag": "static bool",
    "act == 'gelu'": "static bool",
    "act in ['gelu', 'relu']": "static bool",
    "act.startswith('g')": "static bool",
    "options is None": "static bool",
    # tensors
    "x + y": "float[b, s, hidden_size]",
    "x * 2.0": "float[b, s, hidden_size]",
    "2 - x": "float[b, s, hidden_size]",
    "x * hidden_size": "float[b, s, hidden_size]",
    "ids + 1": "int[b, s]",
    "ids // 2": "int[b, s]",
    "x > 0.0": "bool[b, s, hidden_size]",
    "keep & (ids > 0)": "bool[b, s]",
    "~keep": "bool[b, s]",
    "-x": "float[b, s, hidden_size]",
    "x @ transpose(x)": "float[b, s, s]",
    "x + x[:, :1]": "float[b, s, hidden_size]",
    "x + table[0]": "float[b, s, hidden_size]",
    # indexing
    "x[:, 0]": "float[b, hidden_size]",
    "x[0]": "float[s, hidden_size]",
    "x[..., 0]": "float[b, s]",
    "x[:, None]": "float[b, 1, s, hidden_size]",
    "x[:, 1:]": "float[b, s - 1, hidden_size]",
    "x[:, :-1]": "float[b, s - 1, hidden_size]",
    "x[:, :count]": "float[b, count, hidden_size]",
    "x[:, -count:]": "float[b, _, hidden_size]",
    "x[:, ::2]": "float[b, (s + 1) // 2, hidden_size]",
    "split(x, 2)[0]": "float[b, s, hidden_size / 2]",
    "images[0]": "float[b, _, _]",
    # structures
    "(x, ids)": "(float[b, s, hidden_size], int[b, s])",
    "[x, y]": "(float[b, s, hidden_size], float[b|1, s, hidden_size])",
    "[1, 2]": "static list",
    "[x * k for k in kernel_sizes]": "list<float[b, s, hidden_size]>",
    "[k + 1 for k in kernel_sizes]": "static list",
    "[x] + images": "list<float[b, _, _]>",
    "x if flag else y": "float[b|1, s, hidden_size]",
    "x if flag else None": "float[b, s, hidden_size]?",
    "x if maybe_x is None else maybe_x": "float[b, s, hidden_size]",
    # calls
    "dense(x)": "float[b, s, inner_size]",
    "words(ids)": "float[b, s, hidden_size]",
    "maybe(x) if flag else None": "float[b, s, 3]?",
    "stack[0](x, attend)": "float[b, s, hidden_size]",
    "turn_half(q)": "float[b, num_heads, s, head_dim]",
    "tanh(x)": "float[b, s, hidden_size]",
    "softmax(x, axis=-1)": "float[b, s, hidden_size]",
    "mean(x, axis=1)": "float[b, hidden_size]",
    "sum(x, axis=[0, 1], keepdims=True)": "float[1, 1, hidden_size]",
    "max(ids)": "int[]",
    "argmax(x, axis=-1)": "int[b, s]",
    "cast(x, float32)": "float32[b, s, hidden_size]",
    "cast_like(ids, x)": "float[b, s]",
    "where(keep, ids, 0)": "int[b, s]",
    "arange(s)": "int[s]",
    "arange(1, s + 1)": "int[s]",
    "concat([x, x], axis=1)": "float[b, 2 * s, hidden_size]",
    "stack([ids, ids]) if flag else None": "stack is both",
    "rearrange(x, 'b s (n d) -> b n s d', n=num_heads)": "float[b, num_heads, s, hidden_size / num_heads]",
    "rearrange(q, 'b n s d -> b s (n d)')": "float[b, s, head_dim * num_heads]",
    "einsum('b n s d, b n t d -> b n s t', q, q)": "float[b, num_heads, s, s]",
    "attention(q, q, q, mask=causal())": "float[b, num_heads, s, head_dim]",
    "kv.update(q, q)[0]": "float[b, num_heads, length(kv), head_dim]",
    "causal() & padding(ids)": "Mask[b, any, s]",
    "size(x, 1)": "static int = s",
    "transpose(x)": "float[b, hidden_size, s]",
    "pad(ids, [0, 1])": "int[b, s + 1]",
    "cross_entropy(x, ids)": "float32[]",
}  # fmt: skip
EXPRESSIONS.pop("stack([ids, ids]) if flag else None")  # the layer `stack` hides the op


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression(program, expression):
    assert infer(program, expression) == EXPRESSIONS[expression]


FAULTS = {
    "nothing": "unknown name nothing",
    "x + ids": "x + ids: different element types",
    "x + q": "x + q: sizes differ",
    "ids + 0.5": "an int tensor with a float",
    "maybe_x + x": "an operand may be absent",
    "maybe(x)": "the layer may be absent",
    "x[ids]": "an index is a static int",
    "x if keep else y": "a condition is a static value",
    "not x": "a condition is a static value",
    "x == None": "a tensor is compared with a number or a tensor",
    "maybe_x == x": "a tensor is compared with a number or a tensor",
    "attend == 1": "== does not apply",
    "1 + 'a'": "+ does not apply",
    "-act": "- negates numbers",
    "log(0)": "log: ",
    "exact(1)": "exact: number of arguments; expected 2; found 1",
    "10 ** 70": "the power is too large",
    "len()": "len: number of arguments",
    "enumerate()": "enumerate: number of arguments",
    "1 < 'a'": "< does not apply",
    "kv": "kv is a state, not a value",
    "kv.read()": "a kv_cache has no read; expected update",
    "rate(x)": "rate is not a function or layer",
}


@pytest.mark.parametrize("expression", FAULTS)
def test_fault(program, expression):
    assert infer(program, expression).startswith(FAULTS[expression])


# --- statements --------------------------------------------------------------------------------


def test_assignments_and_comments(program):
    module, _ = check(
        program, "# twice\nz = x\nz = z[:, 0]  # shorter\na, b_ = split(z, 2)\nreturn a"
    )
    first, second, third, last = module.body
    assert isinstance(first, ir.Assign) and first.comments == ("# twice",)
    assert second.comments == ("# shorter",) and third.targets == ("a", "b_")
    assert isinstance(last, ir.Return) and str(last.value.type) == "float[b, hidden_size / 2]"


def test_branches_join_what_both_assign(program):
    module, _ = check(program, "if flag:\n    z = x\nelse:\n    z = None\nreturn z")
    assert str(module.body[-1].value.type) == "float[b, s, hidden_size]?"


def test_a_branch_that_returns_narrows_the_rest(program):
    module, errors = check(program, "if maybe_x is None:\n    return x\nreturn maybe_x + x")
    assert not errors and str(module.body[-1].value.type) == "float[b, s, hidden_size]"


@pytest.mark.parametrize(
    "test",
    [
        "maybe_x is not None",
        "flag and maybe_x is not None",
        "not (maybe_x is None)",
        "not (flag or maybe_x is None)",
    ],
)
def test_conditions_narrow(program, test):
    assert check(program, f"if {test}:\n    return x + maybe_x\nreturn x")[1] == []


def test_a_layer_is_there_under_its_condition(program):
    assert check(program, "if flag:\n    return maybe(x)\nreturn x[:, :, :3]")[1] == []
    assert check(program, "if not flag:\n    return x[:, :, :3]\nreturn maybe(x)")[1] == []
    assert len(check(program, "if not flag:\n    return maybe(x)\nreturn x[:, :, :3]")[1]) == 1


def test_loops_list_what_they_carry(program):
    module, _ = check(
        program, "z = x\nfor k in kernel_sizes:\n    w = z * k\n    z = z + w\nreturn z"
    )
    assert module.body[1].carried == ("z",) and module.body[1].targets == ("k",)
    module, _ = check(
        program, "z = x\nfor i, block in enumerate(stack):\n    z = block(z, attend)\nreturn z"
    )
    assert module.body[1].targets == ("i", "block")


def test_emit_and_state_calls_stand_alone(program):
    module, _ = check(program, "emit(seen=x)\nkv.update(q, q)\nreturn x")
    assert isinstance(module.body[0], ir.Emit) and module.taps == ("seen",)
    assert isinstance(module.body[1], ir.Evaluate) and module.stateful
    # heads read it as a list of tensors of this rank
    kind = tap_type(program, module, "seen").element
    assert (kind.dtype, kind.rank) == ("float", 3)


def test_a_fault_is_told_once(program):
    _, errors = check(program, "z = nothing + x\nw = z * 2.0\nif flag:\n    w = w + z\nreturn w")
    assert len(errors) == 1
    _, errors = check(program, "z = nothing\nw = nowhere\nreturn z + w")
    assert len(errors) == 2


# --- rules of types ----------------------------------------------------------------------------


def tensor(*sizes, dtype="float") -> Tensor:
    return Tensor(dtype, tuple(map(Dim.of, sizes)))


def or_one(name: str) -> Dim:
    return opaque("|1", Dim.of(name))


JOINS = [
    (F, F, F),
    (F, NONE, Optional(F)),
    (NONE, Optional(F), Optional(F)),
    (Optional(F), F, Optional(F)),
    (F, tensor("b", "t"), None),
    (F, tensor("b", "s", dtype="int"), None),
    (F, tensor("b"), None),
    (tensor(or_one("b"), "s"), F, tensor(or_one("b"), "s")),
    (tensor(1, "s"), tensor(or_one("b"), "s"), tensor(or_one("b"), "s")),
    (tensor(1, "s"), F, None),
    (ERROR, F, F),
    (integer(2), integer(2), integer(2)),
    (integer(2), integer(3), Static("int")),
    (Static("int"), Static("float"), Static("number")),
    (Static("int"), Static("str"), None),
    (Mask(B, None, S), Mask(None, S, S), Mask(B, S, S)),
    (Mask(B, None, S), Mask(B, None, D), None),
    (TupleOf((F, F)), TupleOf((F, F)), TupleOf((F, F))),
    (F, Mask(), None),
]


@pytest.mark.parametrize(("left", "right", "expected"), JOINS)
def test_join(left, right, expected):
    assert unify.join(left, right) == expected
    assert unify.join(right, left) == expected


def test_an_unknown_size_agrees_with_all_and_gives_way():
    unknown = tensor("b", unknown_dim())
    assert unify.join(unknown, F) == unify.join(F, unknown) == F
    loose = unify.join_lists(TupleOf((F,)), ListOf(tensor("b", "t")))
    assert isinstance(loose, ListOf) and has_unknown(loose.element.shape[1])


BROADCASTS = [
    (F, F, F),
    (F, tensor("s"), F),
    (tensor("b", 1), tensor(1, "s"), F),
    (tensor(or_one("b"), "s"), F, F),
    (tensor(or_one("b"), "s"), tensor(1, "s"), tensor(or_one("b"), "s")),
    (F, tensor("b", "t"), "sizes differ"),
    (tensor(or_one("b"), "s"), tensor("t", "s"), "sizes differ"),
    (F, tensor("b", "s", dtype="float32"), "different element types"),
    (tensor(), F, F),
]


@pytest.mark.parametrize(("left", "right", "expected"), BROADCASTS)
def test_broadcast(left, right, expected):
    assert unify.broadcast(left, right) == expected
    assert unify.broadcast(right, left) == expected


def fits(declared, actual, free=("b", "s")) -> str | None:
    return unify.Unifier(set(free)).type(declared, actual)


def test_a_declaration_binds_its_free_sizes():
    square = tensor("s", "s")
    assert fits(square, tensor("t", "t")) is None
    assert fits(square, tensor("t", "u")) == "sizes differ"
    unifier = unify.Unifier({"b", "s"})
    assert unifier.type(F, tensor("x", 3)) is None
    assert unifier.type(tensor(B, S * 2), tensor("x", 6)) is None
    assert unifier.type(tensor(B, S * 2), tensor("x", 7)) == "sizes differ"
    assert unifier.substitute(tensor("s", "b")) == tensor(3, "x")
    assert has_unknown(unify.Unifier({"z"}).substitute(tensor("z")).shape[0])


@pytest.mark.parametrize(
    ("declared", "actual", "fault"),
    [
        (tensor(or_one("b"), "s"), tensor(1, "t"), None),
        (tensor(or_one("b"), "s"), tensor("x", "t"), None),
        (F, Optional(F), "the value may be absent"),
        (Optional(F), NONE, None),
        (Optional(F), F, None),
        (F, tensor("b", "s", dtype="int"), "another element type"),
        (F, tensor("b", "s", dtype="float32"), "cast_like() makes the types equal"),
        (F, tensor("b"), "another rank"),
        (F, Mask(), "not a tensor"),
        (Mask(), F, "not a mask"),
        (Static("int"), Static("float"), None),
        (Static("int"), Static("str"), "another kind of value"),
        (Static("int"), F, "not a static value"),
        (ListOf(F), TupleOf((F, F)), None),
        (ListOf(F), F, "not a list"),
        (TupleOf((F, F)), TupleOf((F, F)), None),
        (TupleOf((F, F)), TupleOf((F,)), "another number of values"),
        (TupleOf((F, F)), TupleOf((F, tensor("b"))), "another rank"),
        (F, ERROR, None),
    ],
)
def test_fit(declared, actual, fault):
    assert fits(declared, actual) == fault


def test_slips_of_the_pen():
    for name in ("hidden_siz", "hiden_size", "hidden_sizee", "hidden_sise", "hidden_szie"):
        assert one_slip(name, "hidden_size"), name
    for name in ("hidden_size", "hidden_sizes", "hidden", "inner_size", "size"):
        assert not one_slip(name, "hidden_size"), name
    assert not one_slip("b", "s") and not one_slip("tgt", "tgs")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("float[b, s]", F),
        ("int[b|1, s]?", Optional(tensor(or_one("b"), "s", dtype="int"))),
        ("Mask[b, s, d]", Mask(B, S, D)),
        ("list<float[b, s]>", ListOf(F)),
        ("float32[]", tensor(dtype="float32")),
        (
            "float[2 * s - 1, s // 2, exact(s, 2) * 2]",
            tensor(S * 2 - 1, opaque("//", S, Dim.of(2)), S),
        ),
        ("static str", Static("str")),
        ("static int?", Optional(Static("int"))),
    ],
)
def test_type_texts(text, expected):
    errors = Diagnostics()
    parsed = parse_type(text, lambda line, column: None, errors, lambda name: None)
    assert not len(errors) and parsed.type == expected


@pytest.mark.parametrize("text", ["float[b, s] | list<int[b]>?", "float[b, s]? | list<int[b]>"])
def test_results_of_either_type(text):
    def none(*_):
        return None

    either = Either((F, ListOf(tensor("b", dtype="int"))))
    parsed = parse_type(text, none, Diagnostics(), none, result=True)
    assert parsed.type == Optional(either) and str(either) == "float[b, s] | list<int[b]>"
    fits = unify.Unifier(set()).type
    assert fits(either, F) is None and fits(either, either) is None
    assert fits(either, TupleOf((tensor("b", dtype="int"),) * 2)) is None
    assert fits(either, tensor("b", "s", dtype="float32")) == "cast_like() makes the types equal"
    assert fits(either, Static("int")) == "another kind of value"
    assert fits(F, either) == "not a tensor"
    # what does not fit binds no size
    unifier = unify.Unifier({"n"})
    both = Either((tensor("n", 3), ListOf(tensor("n"))))
    assert unifier.type(both, ListOf(tensor("d"))) is None and unifier.bound == {"n": D}
    assert unifier.type(both, tensor("d", 4)) == "sizes differ"


def test_defaults_of_types():
    def read(text):
        return parse_type(text, lambda line, column: None, Diagnostics(), lambda name: None)

    assert read("static bool = false").default is False
    assert read("static int = 3").default == 3 and read("static int").default is ...
    assert read("like hidden").like == "hidden"


# --- legal code --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_checked_specs_are_legal(path):
    Program(load_spec(path, LIBRARIES)).check()  # raises IllegalCode otherwise


def test_checking_ends_with_legality(monkeypatch):
    program = Program(load_spec(VALID, LIBRARIES))
    spoil = {"Pooler": lambda: in_return(program.checked["Pooler"], type=ERROR)}
    monkeypatch.setattr(
        program, "_mark_blocks", lambda: program.checked.update(Pooler=spoil["Pooler"]())
    )
    with pytest.raises(legality.IllegalCode, match="no type"):
        program.check()


def broken(program: Program, change) -> None:
    """Legality of the valid spec's program with its pooler changed."""
    module = program.checked["Pooler"]
    program.checked["Pooler"] = change(module)
    try:
        legality.check_program(program)
    finally:
        program.checked["Pooler"] = module


def in_return(module: ir.Module, **changes) -> ir.Module:
    """The module with another operand in its last call, tanh(dense(...))."""
    last = module.body[-1]
    return replace(
        module, body=(*module.body[:-1], replace(last, value=replace(last.value, **changes)))
    )


ILLEGAL = {
    "no type": lambda m: in_return(m, type=ERROR),
    "illegal OpCall": lambda m: in_return(m, op=replace(m.body[-1].value.op, name="tanhh")),
    "illegal Name": lambda m: in_return(
        m, arguments=(("x", ir.Name(m.location, F, "nowhere", "local")),)
    ),
    "illegal LayerRef": lambda m: in_return(
        m, arguments=(("x", ir.LayerRef(m.location, F, ("nothing",))),)
    ),
    "illegal ConfigField": lambda m: in_return(
        m, arguments=(("x", ir.ConfigField(m.location, F, ("nothing",))),)
    ),
    "illegal StateCall": lambda m: in_return(
        m, arguments=(("x", ir.StateCall(m.location, F, "kv", "update", ())),)
    ),
    "illegal FunctionCall": lambda m: in_return(
        m, arguments=(("x", ir.FunctionCall(m.location, F, "nothing", ())),)
    ),
    "a path does not return": lambda m: replace(m, body=m.body[:-1]),
    "code after the return": lambda m: replace(m, body=(m.body[-1], m.body[-1])),
    "the loop rebinds": lambda m: replace(
        m,
        body=(
            ir.For(
                m.location, (), ("i",), ir.Const(m.location, Static("list"), [1]),
                (ir.Assign(m.location, (), ("hidden",), ir.Name(m.location, F, "hidden", "input")),), (),
            ),
            *m.body,
        ),
    ),
    "illegal Construct": lambda m: replace(
        m,
        layers=tuple(
            replace(x, construct=replace(x.construct, definition=replace(x.construct.definition)))
            for x in m.layers
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", ILLEGAL)
def test_illegal_code_is_found(program, message):
    with pytest.raises(legality.IllegalCode, match=re.escape(message)) as caught:
        broken(program, ILLEGAL[message])
    assert re.search(r"valid\.yaml:\d+:\d+: internal error: Pooler: ", str(caught.value))


def test_rules_for_first_values_are_those_of_the_runtime():
    import ast
    import inspect

    tree = ast.parse((ROOT / "runtime" / "pytorch" / "initialization.py").read_text())
    rules = {
        node.name: (len(node.args.args) - len(node.args.defaults), len(node.args.args))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and getattr(node.returns, "id", "") == "Rule"
    }
    rules.pop("_find_rule", None)
    assert rules == declarations.INITIALIZERS, inspect.getsourcefile(declarations)


def test_old_names_stand_for_their_fields():
    data = parse_yaml("n_embd: {default: 8, legacy: hidden_size}\n", "config.yaml")
    schema = read_config("main", data, (), Diagnostics())
    assert schema.own_name("hidden_size") == schema.own_name("n_embd") == "n_embd"
    assert schema.type("hidden_size") == Static("int") and schema.type("width") is None


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("0.02", True),
        ("initializer_range / sqrt(2 * layers)", True),
        ("-1 if scheme == 'random' else 1", True),
        ("layers[0]", False),
        ("open('file')", False),
    ],
)
def test_numbers_of_rules_are_arithmetic(text, sound):
    import ast

    assert declarations._is_number(ast.parse(text, mode="eval").body) is sound
