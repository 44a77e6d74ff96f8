"""A base model need not be called `Model`: the others name it, and it has the spec's roles."""

from __future__ import annotations

import pytest
from triptych.generator.diagnostics import SpecError
from triptych.generator.language.program import Program
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPEC = """\
triptych: 1
name: Readers
model_type: readers
prefix: Readers
base: reader
summary: A base model with a name of its own.
paper: {title: "An example", year: 2024}
rows: []
config: {width: 4}
init: {embedding: zeros}
roles: {input_embeddings: words}
models:
  Encoder:
    layers: {words: "embedding(9, width)"}
    inputs: {ids: "int[b, s]"}
    forward: |
      return record(y=words(ids))
    returns: {y: "float[b, s, width]"}
  ForMeans:
    base: Encoder()
    inputs: ["..."]
    forward: |
      return record(y=mean(base().y, axis=1))
    returns: {y: "float[b, width]"}
presets: {usual: {}}
"""


def program(tmp_path, spec: str) -> Program:
    path = tmp_path / "readers.yaml"
    path.write_text(spec, encoding="utf-8")
    result = Program(load_spec(path, []))
    result.check()
    return result


def test_its_roles(tmp_path):
    texts = render_program(program(tmp_path, SPEC), formatter=str)
    models = [text for name, text in texts.items() if "modeling" in str(name)]
    assert len(models) == 3
    assert all("'input_embeddings': 'words'" in text for text in models)


def test_a_role_of_no_layer(tmp_path):
    with pytest.raises(SpecError, match="wrds"):
        program(tmp_path, SPEC.replace("input_embeddings: words", "input_embeddings: wrds"))


def test_a_model_that_names_it_has_it(tmp_path):
    named = SPEC.replace("  Encoder:", "  Model:").replace(
        '    base: Encoder()\n    inputs: ["..."]\n', '    inputs: {ids: "int[b, s]"}\n'
    )
    heads = program(tmp_path, named).models[1]
    assert [layer.name for layer in heads.layers] == ["base"]
