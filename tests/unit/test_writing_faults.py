"""Faults that only writing code can see: all of them are told at once, and `check` tells them."""

from __future__ import annotations

import pytest
from triptych.generator.checking import check_spec
from triptych.generator.diagnostics import SpecError
from triptych.generator.render import check_code, render_program
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Folds
model_type: folds
prefix: Folds
summary: Sizes that only running tells.
paper: {title: "An example", year: 2024}
rows: []
config: {width: 4}
modules:
  Some:
    inputs: {x: "float[b, s, width]"}
    forward: |
      if training:
          return x
      return x[:, ::2, :2]
    returns: float[b, _, _]
models:
  Model:
    layers: {some: Some()}
    inputs: {x: "float[b, s, width]"}
    forward: |
      y = rearrange(some(x), "b (k s) (n d) -> b k s n d", k=2, n=2)
      z = rearrange(some(x), "b (k s) (n d) -> b s k n d", k=2, n=2)
      return record(y=y, z=z)
    returns: {y: "float[b, 2, _, 2, _]", z: "float[b, _, 2, 2, _]"}
presets: {usual: {}}
"""


@pytest.mark.parametrize("write", [check_code, render_program])
def test_all_at_once(tmp_path, write):
    path = tmp_path / "folds.yaml"
    path.write_text(SPEC, encoding="utf-8")
    program = check_spec(load_spec(path, []))
    with pytest.raises(SpecError) as caught:
        write(program)
    found = str(caught.value).splitlines()
    assert len(found) == 2, found
    assert all("only known when the model runs" in line for line in found)
    assert [":22:" in found[0], ":23:" in found[1]] == [True, True]
