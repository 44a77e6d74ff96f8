"""The language's reference, specs/README.md: its examples compile, its tables are complete.

`UPDATE_TABLES=1 pytest tests/unit/test_language_reference.py` writes the first columns of the
tables anew and keeps the meanings, which are written by hand.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from triptych.generator.concrete import check_presets
from triptych.generator.language.calls import BUILTINS, MATH, METHODS
from triptych.generator.language.constructors import TRANSFORMS
from triptych.generator.language.declarations import INITIALIZERS
from triptych.generator.language.program import Program
from triptych.generator.layers import LAYERS
from triptych.generator.ops import OPS
from triptych.generator.ops.table import REQUIRED
from triptych.generator.render import render_program
from triptych.generator.schema import keys_of, schema
from triptych.generator.spec import load_spec
from triptych.generator.states import METHODS as STATE_METHODS
from triptych.generator.states import STATES

SPECS = Path(__file__).resolve().parents[2] / "specs"
README = SPECS / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.S | re.M)
# what stands before an example that is a piece of a spec
HEAD = """\
triptych: 1
extends: small
name: Example
model_type: example
prefix: Example
summary: An example.
paper: {title: "An example", year: 2024}
rows: []
"""


def test_the_first_example_is_a_whole_spec_and_the_only_one():
    assert [example.startswith("triptych: 1") for example in EXAMPLES].index(True) == 0
    assert sum("\ntriptych:" in f"\n{example}" for example in EXAMPLES) == 1


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number, tmp_path):
    (tmp_path / "small.yaml").write_text(EXAMPLES[0], encoding="utf-8")
    path = tmp_path / "small.yaml"
    if number:
        path = tmp_path / "example.yaml"
        path.write_text(HEAD + EXAMPLES[number], encoding="utf-8")
    program = Program(load_spec(path, [SPECS / "library"]))
    program.check()
    check_presets(program)
    for name, text in render_program(program, formatter=str).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    # valid Python, without names that nothing defines
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F821,F822,F823"]
    done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# --- tables ------------------------------------------------------------------------------------


def signature(name: str, params, variadic: bool = False) -> str:
    parts = [p.name if p.default is REQUIRED else f"{p.name}={p.default!r}" for p in params]
    return f"{name}({', '.join([*(['*sizes'] if variadic else []), *parts])})"


def first_columns(section: str) -> dict[str, list[str]]:
    """What the compiler knows, by name: the columns before the meaning."""
    if section == "ops":
        return {name: [f"`{op.signature}`"] for name, op in OPS.items()}
    if section == "layers":
        return {
            name: [
                f"`{signature(name, kind.params, kind.variadic and name != 'stored')}`",
                ", ".join(f"`{leaf}`" for leaf in kind.leaves if leaf),
            ]
            for name, kind in LAYERS.items()
        }
    return {
        name: [f"`{signature(name, params)}`", ", ".join(f"`{m}`" for m in STATE_METHODS[name])]
        for name, params in STATES.items()
    }


def table(section: str, text: str) -> tuple[re.Match, list[list[str]]]:
    match = re.search(
        rf"(<!-- {section} -->\n\|[^\n]*\n\|[-|]+\|\n)(.*?)(<!-- end -->)", text, re.S
    )
    rows = [line.strip()[1:-1].split("|") for line in match.group(2).splitlines()]
    return match, [[cell.strip() for cell in row] for row in rows]


@pytest.mark.parametrize("section", ["states", "layers", "ops"])
def test_table(section):
    text = README.read_text(encoding="utf-8")
    match, rows = table(section, text)
    known = first_columns(section)
    if "UPDATE_TABLES" in os.environ:
        meanings = {re.match(r"`(\w+)", row[0]).group(1): row[-1] for row in rows}
        lines = [
            f"| {' | '.join([*cells, meanings.get(name, '')])} |\n" for name, cells in known.items()
        ]
        text = text[: match.end(1)] + "".join(lines) + text[match.start(3) :]
        README.write_text(text, encoding="utf-8")
        _, rows = table(section, text)
    assert [row[0] for row in rows] == [cells[0] for cells in known.values()]
    for row, cells in zip(rows, known.values(), strict=True):
        assert row[:-1] == cells
        assert row[-1], f"{row[0]} has no meaning"


def test_every_key_and_word_is_explained():
    words = {word for code in re.findall(r"`+([^`]+)`+", TEXT) for word in re.findall(r"\w+", code)}
    words |= {word for example in EXAMPLES for word in re.findall(r"\w+", example)}
    for kind in ("spec", "module", "model", "field", "row", "weight_rule"):
        known = schema()["$defs"][kind]["properties"] if kind != "spec" else keys_of("spec")
        missing = set(known) - words - {"note", "url", "arxiv", "when", "classes"}
        assert not missing, f"keys of a {kind}: {sorted(missing)}"
    for names in (BUILTINS, MATH, METHODS, TRANSFORMS, INITIALIZERS, STATES):
        assert not set(names) - words - {"stages"}


def test_nothing_of_this_machine():
    assert not re.search(r"/(work|root|home|tmp)/", TEXT)
