"""What a state is given may be computed from the names that the result is assigned to."""

from __future__ import annotations

from triptych.generator.checking import check_spec
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Doubles
model_type: doubles
prefix: Doubles
summary: Keys that are doubled before they are kept.
paper: {title: "An example", year: 2024}
rows: []
config: {width: 4}
init: {linear: zeros, bias: zeros}
modules:
  Attention:
    layers: {key: "linear(width, width)"}
    states: {kv: "kv_cache(1, width)"}
    inputs: {x: "float[b, s, width]", attend: "Mask[b, s, t]"}
    forward: |
      k = key(x)[:, None]
      v = k
      k, v = kv.update(2.0 * k, v)
      return attention(k[:, :, -s:], k, v, mask=attend)[:, 0]
    returns: like x
models:
  Model:
    layers: {attention: Attention()}
    inputs: {x: "float[b, s, width]", attention_mask: "int[b, t]?"}
    forward: |
      return record(y=attention(x, causal() & padding(attention_mask)))
    returns: {y: "float[b, s, width]"}
presets: {usual: {}}
"""


def test_they_are_computed_once(tmp_path):
    path = tmp_path / "doubles.yaml"
    path.write_text(SPEC, encoding="utf-8")
    texts = render_program(check_spec(load_spec(path, [])))
    models = [text for name, text in texts.items() if "modeling" in name]
    assert len(models) == 3
    for text in models:
        assert text.count("2.0 * k") == 1
        assert "k, v = past.kv.update(k, v)" in text
