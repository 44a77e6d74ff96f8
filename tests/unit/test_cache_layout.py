"""The layout of a cache: what the states of each block are made with."""

import pytest
from triptych.generator.checking import Program
from triptych.generator.render import WRITERS
from triptych.generator.spec import load_spec

SPEC = """
triptych: 1
name: Small
model_type: small
prefix: Small
base: small
summary: Layers with windows.
paper: {{title: T, year: 2024}}
rows: []
roles: {{input_embeddings: words}}
config: {{vocab_size: 9, width: 6, num_layers: 3, kinds: {{type: list<int>, default: [0, 4, 0]}}}}
init: {{linear: normal(0.02), embedding: normal(0.02), bias: zeros}}
modules:
  Attention:
    args: {{heads: int, window: int?}}
    sizes: {{depth: "exact(width, heads)"}}
    layers: {{key: "linear(width, width)"}}
    states: {{kv: "kv_cache(heads, depth, window=window)"}}
    inputs: {{x: "float[b, s, width]", attend: "Mask[b, s, t]"}}
    forward: |
      q = rearrange(key(x), "b s (n d) -> b n s d", n=heads)
      k, v = kv.update(q, q)
      return rearrange(attention(q, k, v, mask=attend), "b n s d -> b s (n d)")
    returns: like x
  Block:
    args: {{reach: int?}}
    layers: {{attention: "Attention(2, window=reach)"}}
    inputs: {{x: "float[b, s, width]", attend: "Mask[b, s, t]"}}
    forward: |
      return x + attention(x, attend)
    returns: like x
models:
  Model:
    layers:
      words: embedding(vocab_size, width)
      blocks: Block({reach}) for i in range(num_layers)
    inputs:
      - one_of: {{input_ids: "int[b, s]"}}
      - one_of: {{inputs_embeds: "float[b, s, width]"}}
    forward: |
      x = embed(input_ids, inputs_embeds)
      for block in blocks:
          x = block(x, causal())
      return record(last_hidden_state=x)
    returns: {{last_hidden_state: "float[b, s, width]"}}
presets: {{}}
"""


def layout(folder, writer, reach):
    path = folder / "small.yaml"
    path.write_text(SPEC.format(reach=reach), encoding="utf-8")
    program = Program(load_spec(path, []))
    program.check()
    (model,) = program.models
    return writer(program, model, {}).cache_layout()


@pytest.mark.parametrize("writer", WRITERS)
def test_blocks_that_are_alike(tmp_path, writer):
    assert layout(tmp_path, writer, "5") == [
        "config = self.config",
        "states = {}",
        "states['kv'] = kv_cache(2, config.width // 2, 5)",
        "return [states] * config.num_layers",
    ]


@pytest.mark.parametrize("writer", WRITERS)
def test_arguments_of_each_block(tmp_path, writer):
    assert layout(tmp_path, writer, "kinds[i] if kinds[i] > 0 else None") == [
        "config = self.config",
        "layout = []",
        "for i in range(config.num_layers):",
        "    states = {}",
        "    states['kv'] = kv_cache(2, config.width // 2, "
        "config.kinds[i] if config.kinds[i] > 0 else None)",
        "    layout.append(states)",
        "return layout",
    ]
