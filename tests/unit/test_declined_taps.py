"""`base(output_hidden_states=False)`: what one of several calls emits is not the model's."""

from __future__ import annotations

from triptych.generator.language.program import Program
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Pairs
model_type: pairs
prefix: Pairs
base: reader
summary: A head that calls its base twice.
paper: {title: "An example", year: 2024}
rows: []
config: {width: 4}
init: {linear: zeros, bias: zeros}
models:
  Model:
    layers: {dense: "linear(width, width)"}
    inputs: {x: "float[b, width]"}
    forward: |
      emit(hidden_states=x)
      return record(y=dense(x))
    returns: {y: "float[b, width]"}
  ForPairs:
    base: Model()
    inputs: {x: "float[b, width]", other: "float[b, width]?"}
    forward: |
      y = base().y
      if other is not None:
          second = base(x=other, output_hidden_states=False)
          y = y + second.y
      return record(y=y)
    returns: {y: "float[b, width]"}
presets: {usual: {}}
"""


def rendered(tmp_path, spec: str) -> dict[str, str]:
    path = tmp_path / "pairs.yaml"
    path.write_text(spec, encoding="utf-8")
    program = Program(load_spec(path, []))
    program.check()
    return {str(name): text for name, text in render_program(program, formatter=str).items()}


def test_a_declined_call_adds_no_outputs(tmp_path):
    for name, text in rendered(tmp_path, SPEC).items():
        if "modeling" in name:
            head = text.partition("class PairsForPairs(")[2] or text.partition("ForPairs(")[2]
            assert "output_hidden_states=False" in head and "second = None" not in head, name
            assert "base_hidden_states" not in text, name


def test_otherwise_both_calls_give_theirs(tmp_path):
    texts = rendered(tmp_path, SPEC.replace(", output_hidden_states=False", ""))
    assert any("base_hidden_states" in text for text in texts.values())


def test_own_layers_of_a_head_add_nothing_to_what_its_base_emits(tmp_path):
    spec = SPEC.replace(
        "models:\n",
        """modules:
  Step:
    layers: {dense: "linear(width, width)"}
    inputs: {x: "float[b, width]"}
    forward: |
      emit(hidden_states=x)
      return dense(x)
    returns: like x
models:
""",
        1,
    )
    spec = spec.replace("    base: Model()\n", "    base: Model()\n    layers: {step: Step()}\n")
    spec = spec.replace("return record(y=y)\n", "return record(y=step(y))\n")
    for name, text in rendered(tmp_path, spec).items():
        if "modeling" in name:
            assert "self.step(y, taps=NO_TAPS)" in text, name
