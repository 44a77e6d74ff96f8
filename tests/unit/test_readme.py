"""Everything in README.md that can run, runs; what it shows of generated code is generated."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from triptych.generator import cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = {
    "class Gated": "modeling_gated.py",
    "class TF": "modeling_tf_gated.py",
    "class Flax": "modeling_flax_gated.py",
}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


PROGRAMS = [block for block in blocks("python") if not block.startswith("class ")]
EXCERPTS = [block for block in blocks("python") if block.startswith("class ")]
COMMANDS = [line.split("#")[0].split() for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the README's spec was compiled with the README's commands."""
    folder = tmp_path_factory.mktemp("readme")
    (spec,) = blocks("yaml")
    (folder / "gated.yaml").write_text(spec, encoding="utf-8")
    before = os.getcwd()
    os.chdir(folder)
    try:
        for command, *arguments in COMMANDS:
            if command == "triptych":
                assert cli.main(arguments) == 0, arguments
    finally:
        os.chdir(before)
    return folder


def test_every_block_is_known():
    known = sum(len(blocks(language)) for language in ("sh", "yaml", "python", "text"))
    assert len(re.findall(r"^```\w+$", README, re.MULTILINE)) == known
    assert len(re.findall(r"^```", README, re.MULTILINE)) == 2 * known


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: text.splitlines()[1])
def test_programs_run(place, program):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=place,
        env=os.environ | QUIET | {"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=lambda text: text.split("(")[0])
def test_generated_code_is_shown_as_it_is(place, excerpt):
    name = next(name for start, name in FILES.items() if excerpt.startswith(start))
    text = (place / "my_models" / "gated" / name).read_text(encoding="utf-8")
    position = 0
    for part in re.split(r"^ *\.\.\.\n", excerpt, flags=re.MULTILINE):
        assert part in text[position:], part
        position = text.index(part, position) + len(part)


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = [words[1] for words in COMMANDS if words[0] == "make"]
    named += re.findall(r"`make (\w+)`", README)
    assert named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_status_is_up_to_date():
    """The counts in the text, against the specs."""
    rows = len(json.loads((ROOT / "specs/rows.json").read_text(encoding="utf-8")))
    written, of = re.search(r"(\d+) of the (\d+) rows have a spec", README).groups()
    specs = list((ROOT / "specs" / "models").glob("*.yaml"))
    served = sum(len(re.findall(r"\brow:", path.read_text())) for path in specs)
    assert (int(written), int(of)) == (served, rows)
