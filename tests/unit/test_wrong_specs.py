"""Wrong specs and what is said about them.

Each spec in `tests/specs/wrong` but `valid.yaml` has one fault; beside it stands the message,
compared to the letter. `UPDATE_MESSAGES=1 pytest tests/unit/test_wrong_specs.py` writes them anew;
read the difference. What is too large to be stored is made here.
"""

import os
import time
from pathlib import Path

import pytest
from triptych.generator.concrete import check_presets
from triptych.generator.diagnostics import SpecError
from triptych.generator.language.program import Program
from triptych.generator.spec import load_spec

FOLDER = Path(__file__).resolve().parents[1] / "specs" / "wrong"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
UPDATE = "UPDATE_MESSAGES" in os.environ
# faults that can only be seen where an inherited line uses what was changed
SEEN_IN_PARENT = {"call_either", "embed_role", "mask_argument", "name_init_missing", "tap_output"}
LONGEST = 280


def messages(path: Path, library: Path = FOLDER / "library") -> list[str]:
    """What is said about a spec, one line a fault."""
    try:
        program = Program(load_spec(path, [library]))
        program.check()
        check_presets(program)
    except SpecError as error:
        return str(error).splitlines()
    return []


@pytest.fixture(autouse=True)
def inside(monkeypatch):
    monkeypatch.chdir(FOLDER)  # messages show paths below the current directory


def test_the_valid_spec_has_no_faults():
    assert messages(FOLDER / "valid.yaml") == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "valid"])
def test_message(name):
    found = messages(Path(f"{name}.yaml"))
    golden = FOLDER / f"{name}.txt"
    if UPDATE:
        golden.write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("golden", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_one_clear_line_at_the_place_of_the_fault(golden):
    text = golden.read_text(encoding="utf-8")
    assert text.count("\n") == 1, "one fault, one line"
    assert len(text) <= LONGEST and text.isprintable() is False and text.strip().isprintable()
    file, line, column, message = text.split(":", 3)
    assert file == ("valid" if golden.stem in SEEN_IN_PARENT else golden.stem) + ".yaml"
    lines = (FOLDER / file).read_text(encoding="utf-8").splitlines()
    assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1
    assert "Traceback" not in message and "internal" not in message
    assert golden.with_suffix(".yaml").is_file()


# --- made here because they are large, or because editors would change them --------------------

VALID = (FOLDER / "valid.yaml").read_text(encoding="utf-8")
POOLER = "      return tanh(dense(hidden[:, 0]))\n"
LONG = "x" * 10_000
assert VALID.count(POOLER) == 1


def forward(text: str) -> str:
    """The valid spec with other statements in its pooler."""
    return VALID.replace(POOLER, "".join(f"      {line}\n" for line in text.splitlines()))


def pooler_input(kind: str) -> str:
    old = '    inputs: {hidden: "float[b, s, hidden_size]"}\n    forward: |\n' + POOLER
    assert VALID.count(old) == 1
    return VALID.replace(old, old.replace("float[b, s, hidden_size]", kind))


def layer(text: str) -> str:
    old = "      dense: linear(hidden_size, hidden_size)\n"
    assert VALID.count(old) == 1
    return VALID.replace(old, f"      dense: '{text}'\n")


MANY = "\n".join("x = (hidden_size + num_heads + s + vocab_size) ** 4 * x" for _ in range(60))
HOSTILE = {
    "alias bomb": VALID + "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    ),
    "nested 10^5 deep": VALID + "extra: " + "[" * 100_000,
    "nested 10^5 deep, in blocks": VALID + "extra:\n" + "".join(" " * i + "- \n" for i in range(1, 500)),
    "10^4 characters in a name": VALID.replace("Pooler:\n", f"{LONG}:\n"),
    "10^4 characters in a local": forward(f"{LONG} = hidden\nreturn tanh(dense({LONG}y[:, 0]))"),
    "10^5 terms": forward("return hidden[:, 0]" + " + 1.0" * 100_000),
    "10^4 terms": forward("return hidden[:, 0]" + " + 1.0" * 3_000),
    "10^4 brackets": forward("return " + "(" * 10_000 + "hidden" + ")" * 10_000),
    "90 brackets": forward("return " + "tanh(" * 90 + "hidden" + ")" * 90),
    "10^3 minus signs": forward("return " + "-" * 1_000 + "hidden"),
    "power tower": forward("return hidden[:, 0] * 9 ** 9 ** 9 ** 9"),
    "powers in turn": forward("x = 9 ** 64\n" + "x = x ** 64\n" * 8 + "return hidden[:, 0] * x"),
    "long text": forward("x = 'aaaaaaaa'\n" + "x = x * 64\n" * 8 + "return hidden[:, 0] if x else 0"),
    "long list": forward("x = [1, 2] * 1000000000\nreturn hidden[:, 0]"),
    "long range": forward("for i in range(10 ** 15):\n    hidden = hidden * 2.0\nreturn hidden[:, 0]"),
    "power tower in a size": pooler_input("float[b, 9 ** 9 ** 9 ** 9, hidden_size]"),
    "negative power in a size": pooler_input("float[b, 2 ** -1, hidden_size]"),
    "nested types": pooler_input("list<" * 300 + "float[b]" + ">" * 300),
    "many question marks": pooler_input("float[b]" + "?" * 1_500),
    "power tower in a constructor": layer("linear(hidden_size, 9 ** 9 ** 9)"),
    "10^5 characters in a constructor": layer("linear(hidden_size, " + "1 + " * 25_000 + "1)"),
    "null character": forward('return hidden[:, 0] if act == "\\0" else hidden').replace("\\0", "\0"),
    "code in a constructor": layer('__import__("os").system("true")'),
    "code in a type": pooler_input('float[__import__("os").getpid(), s]'),
    "code in a size": VALID.replace("rate: 0.1", "rate: float? = __import__('os').getpid()"),
    "code in a rule": VALID.replace("norm: ones", "norm: exec('1')"),
    "python tag": VALID.replace("rate: 0.1", "rate: !!python/name:os.system"),
    "merge key": VALID.replace("rate: 0.1", "<<: {rate: 0.1}"),
    "invalid UTF-8": VALID.encode() + b"# \xff\xfe\n",
    "escape sequence": VALID.replace("Pooler:\n", '"\\e[31mPooler":\n'),
    "empty": "",
    "only a comment": "# nothing\n",
    "a list": "- 1\n",
    "a scalar": "1e5\n",
    "too large": "#" * 2_000_000,
    "infinity as a size": VALID.replace("inner_size: 32", "inner_size: .inf"),
    "not a number as a size": VALID.replace("inner_size: 32", "inner_size: .nan"),
    "fraction as a size": VALID.replace("inner_size: 32", "inner_size: 32.0"),
    "a number of 10^3 digits": VALID.replace("inner_size: 32", "inner_size: " + "9" * 1_000),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("hostile.yaml")
    data = HOSTILE[case]
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    start = time.perf_counter()
    found = messages(path)
    assert time.perf_counter() - start < 5
    assert 1 <= len(found) <= 3, found
    for line in found:
        assert line.startswith("hostile.yaml:") and len(line) < 500 and line.isprintable()


def test_sizes_do_not_explode(tmp_path):
    text = forward(
        "x = 1\n"
        + MANY.replace(" + s ", " + size(hidden, 1) ")
        + "\nreturn tanh(dense(hidden[:, 0]))"
    )
    path = tmp_path / "many.yaml"
    path.write_text(text)
    start = time.perf_counter()
    messages(path)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "text",
    [VALID.replace("\n", "\r\n"), "\ufeff" + VALID, VALID + "...\n"],
    ids=["CRLF", "BOM", "end"],
)
def test_other_ways_to_write_a_valid_file(text, tmp_path):
    path = tmp_path / "valid.yaml"
    path.write_bytes(text.encode())
    assert messages(path) == []


def test_extends_too_deep_and_in_a_circle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = (
        "".join((FOLDER / "shape_linear.yaml").read_text().partition("presets")[:2])
        + ": {small: {}}\n"
    )
    for name, parent in (("a", "b"), ("b", "c"), ("c", "d"), ("e", "f"), ("f", "e")):
        Path(f"{name}.yaml").write_text(head.replace("extends: valid", f"extends: {parent}"))
    Path("d.yaml").write_text(VALID)
    assert messages(Path("a.yaml")) == [
        "c.yaml:3:10: 'extends' goes too deep: a -> b -> c -> d; expected at most 2 steps"
    ]
    assert messages(Path("e.yaml")) == [
        "f.yaml:3:10: 'extends' goes round in a circle: e -> f -> e"
    ]
