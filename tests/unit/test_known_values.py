"""Static values that functions and comprehensions give are known for the sizes of a preset."""

from __future__ import annotations

import pytest
from triptych.generator.checking import check_spec
from triptych.generator.diagnostics import SpecError
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Widths
model_type: widths
prefix: Widths
summary: Layers whose widths a function gives.
paper: {title: "An example", year: 2024}
rows: []
config: {factor: 2.0}
init: {linear: zeros, bias: zeros}
functions:
  scaled:
    doc: A width as the configuration wants it.
    inputs: {width: static int, factor: static float}
    forward: |
      wide = int(width * factor)
      return wide + 1 if wide < 10 else wide
    returns: static int
modules:
  Dense:
    args: {inputs: int, outputs: int}
    layers: {dense: "linear(inputs, outputs)"}
    inputs: {x: "float[b, _]"}
    forward: |
      return dense(x)
    returns: float[b, _]
models:
  Model:
    layers:
      layers: Layers()
    inputs: {x: "float[b, 7]"}
    forward: |
      return record(out=layers(x))
    returns: {out: "float[b, _]"}
presets: {usual: {}}
"""
LAYERS = """\
  Layers:
    sizes: {{widths: "[scaled(width, factor) for width in [3, 8, 4]]"}}
    layers:
      first: Dense(widths[0], widths[1])
      second: linear({second}, 5)
    inputs: {{x: "float[b, _]"}}
    forward: |
      return second(first(x))
    returns: float[b, _]
"""


def check(tmp_path, second: str) -> None:
    path = tmp_path / "widths.yaml"
    layers = LAYERS.format(second=second)
    path.write_text(SPEC.replace("models:\n", f"{layers}models:\n"), encoding="utf-8")
    check_spec(load_spec(path, []))


def test_sizes_that_fit(tmp_path):
    check(tmp_path, "scaled(8, factor)")  # 3 becomes 7, 8 becomes 16


def test_sizes_that_do_not(tmp_path):
    with pytest.raises(SpecError, match=r"dimension to be 9 .*preset usual.*found 16"):
        check(tmp_path, "widths[2]")
