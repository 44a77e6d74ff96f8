"""Configurations that a spec refuses: by the configuration class, by one model, as a preset."""

from __future__ import annotations

import importlib
import sys

import pytest
from triptych.errors import ConfigError
from triptych.generator.checking import check_spec
from triptych.generator.diagnostics import SpecError
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Ponds
model_type: ponds
prefix: Ponds
summary: Numbers that go together, or not.
paper: {title: "An example", year: 2024}
rows: []
config:
  width: 4
  depth: 2
  inner: {type: "int? = 4 * width", min: 1}
  plain: true
  shape: {default: round, choices: [round, flat], unlisted: true}
refuse:
  wider than deep is asked for: width < depth
modules:
  Shore:
    sizes: {stones: "exact(width, depth)"}
    inputs: {x: "float[b, width]"}
    forward: |
      return x * stones
    returns: like x
models:
  Model:
    layers: {shore: "Shore() if plain else None"}
    inputs: {x: "float[b, width]"}
    forward: |
      return record(y=shore(x) if plain else x)
    returns: {y: "float[b, width]"}
  ForPlain:
    refuse: {it is plain: not plain}
    inputs: ["..."]
    forward: |
      return record(y=base().y)
    returns: {y: "float[b, width]"}
presets: {usual: {}}
"""


def program(folder, text):
    path = folder / "ponds.yaml"
    path.write_text(text, encoding="utf-8")
    return check_spec(load_spec(path, []))


@pytest.fixture(scope="module")
def ponds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    for name, text in render_program(program(folder, SPEC), package="refusing").items():
        target = folder / "refusing" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("refusing.ponds")
    sys.path.remove(str(folder))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 1}, "refused: wider than deep is asked for: found width 1, depth 2"),
        ({"shape": "long"}, "shape: expected one of 'round', 'flat', found 'long'"),
        ({"inner": 0}, "inner"),
    ],
)
def test_the_configuration(ponds, values, message):
    with pytest.raises(ConfigError, match=message):
        ponds.PondsConfig(**values)


def test_what_is_filled_in(ponds):
    assert ponds.PondsConfig(width=3, shape="flat").inner == 12


def test_what_only_a_part_demands_is_no_demand_on_all(ponds):
    assert ponds.PondsConfig(width=3, depth=2, plain=False).width == 3


@pytest.mark.parametrize("prefix", ["", "TF", "Flax"])
def test_one_model(ponds, prefix):
    config = ponds.PondsConfig(plain=False)
    getattr(ponds, f"{prefix}PondsModel")(config)
    with pytest.raises(ConfigError, match="it is plain: found plain False"):
        getattr(ponds, f"{prefix}PondsForPlain")(config)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("presets: {usual: {}}", "presets: {usual: {width: 1}}", "preset usual is refused: wider"),
        ("width < depth", "width < dept", "unknown name dept; did you mean 'depth'"),
        ("width < depth", "width + depth", "a refusal is a condition: true or false"),
        ("width < depth", "1 < 2", "a condition on configuration fields"),
    ],
)
def test_faults(tmp_path, old, new, message):
    with pytest.raises(SpecError, match=message):
        program(tmp_path, SPEC.replace(old, new))
