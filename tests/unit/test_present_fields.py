"""A test for None tells of fields and of arguments, as it does of inputs."""

from __future__ import annotations

from triptych.generator.checking import check_spec
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Rates
model_type: rates
prefix: Rates
summary: A factor that may be absent.
paper: {title: "An example", year: 2024}
rows: []
config: {width: 4, rate: {type: float?, default: null}}
modules:
  Scaled:
    args: {more: float? = null}
    inputs: {x: "float[b, width]"}
    forward: |
      if rate is not None and rate > 0.5:
          x = x * rate
      y = x * more if more is not None else x
      if rate is None:
          return y
      return y * rate
    returns: like x
models:
  Model:
    layers: {plain: Scaled(), scaled: Scaled(2.0)}
    inputs: {x: "float[b, width]"}
    forward: |
      return record(y=scaled(plain(x)))
    returns: {y: "float[b, width]"}
presets: {usual: {}, rated: {rate: 0.7}}
"""


def test_no_more_is_asked(tmp_path):
    path = tmp_path / "rates.yaml"
    path.write_text(SPEC, encoding="utf-8")
    texts = render_program(check_spec(load_spec(path, [])))
    models = [text for name, text in texts.items() if "modeling" in name]
    assert len(models) == 3
    assert all("x * self.rate" in text and "required" not in text for text in models)
