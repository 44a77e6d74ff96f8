"""Names in checkpoints that no attribute can have: numbers, words of Python, names of frameworks.

A spec with such paths is generated for all three frameworks. Each of them has exactly the names
that the paths say, reads the others' files, and computes the same.
"""

import importlib
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from triptych import checkpoint
from triptych.generator.checking import check_spec
from triptych.generator.lower import reserved
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

LIBRARY = Path(__file__).resolve().parents[2] / "specs" / "library"
PACKAGE = "generated_for_paths"
CLASSES = {"pytorch": ("", ""), "tensorflow": ("tf_", "TF"), "flax": ("flax_", "Flax")}

HEAD = """
triptych: 1
name: Paths
model_type: paths
prefix: Paths
base: transformer
summary: Layers with unusual names in checkpoints.
paper: {title: None, year: 2026}
rows: []
config: {vocab_size: 7, width: 4, depth: 2, sides: [left, right]}
init: {linear: normal(0.5), embedding: normal(0.5), norm: ones, bias: normal(0.5), param: zeros}
roles: {input_embeddings: shared}
presets: {tiny: {}}
"""

# Sub-layers under numbers, as T5 has them; the last one's number depends on the others.
NUMBERED = """
modules:
  Attention:
    layers: {q: "linear(width, width)", o: "linear(width, width)"}
    inputs: {x: "float[b, s, width]"}
    forward: return o(tanh(q(x)))
    returns: like x

  FeedForward:
    layers:
      up: linear(width, 2 * width) @ '0'
      down: linear(2 * width, width) @ '2'
    inputs: {x: "float[b, s, width]"}
    forward: return down(relu(up(x)))
    returns: like x

  Sublayer:
    layers:
      inner: FeedForward() @ '0.DenseReluDense'
      norm: rms_norm(width) @ '0.layer_norm'
      scale: param(width) @ '1.scale'
    inputs: {x: "float[b, s, width]"}
    forward: return x + norm(inner(x)) + scale
    returns: like x

  Block:
    args: {cross: bool = false}
    layers:
      self_attention: Attention() @ 'layer.0.SelfAttention'
      self_norm: rms_norm(width) @ 'layer.0.layer_norm'
      cross_attention: Attention() @ 'layer.1.EncDecAttention' if cross else None
      cross_norm: rms_norm(width) @ 'layer.1.layer_norm' if cross else None
      cross_feed_forward: FeedForward() @ 'layer.2' if cross else None
      feed_forward: FeedForward() @ 'layer.1' if not cross else None
      bias: param(width) @ 'layer.3.bias'
    inputs: {x: "float[b, s, width]"}
    forward: |
      x = x + self_attention(self_norm(x))
      if cross:
          x = x + cross_attention(cross_norm(x))
          x = x + cross_feed_forward(x)
      else:
          x = x + feed_forward(x)
      return x + bias
    returns: like x

models:
  Model:
    layers:
      shared: embedding(vocab_size, width)
      encoder: Block() @ 'encoder.0.block' for i in range(depth)
      decoder: Block(True) @ '1.block' for i in range(depth)
      last: Sublayer() @ '2'
    inputs: {input_ids: "int[b, s]"}
    forward: |
      x = shared(input_ids)
      for block in encoder:
          x = block(x)
      for block in decoder:
          x = block(x)
      return record(hidden=last(x))
    returns: {hidden: "float[b, s, width]"}
"""

LINEAR, FEED_FORWARD = ("weight", "bias"), ("0.weight", "0.bias", "2.weight", "2.bias")
ATTENTION = ("q.weight", "q.bias", "o.weight", "o.bias")


def under(prefix, names):
    return {f"{prefix}.{name}" for name in names}


def numbered_names():
    names = {"shared.weight", "2.0.layer_norm.weight", "2.1.scale"}
    names |= under("2.0.DenseReluDense", FEED_FORWARD)
    for stack, feed_forward in (("encoder.0.block", 1), ("1.block", 2)):
        for block in (f"{stack}.0", f"{stack}.1"):
            names |= under(f"{block}.layer.0.SelfAttention", ATTENTION)
            names |= {f"{block}.layer.0.layer_norm.weight", f"{block}.layer.3.bias"}
            names |= under(f"{block}.layer.{feed_forward}", FEED_FORWARD)
            if feed_forward == 2:
                names |= under(f"{block}.layer.1.EncDecAttention", ATTENTION)
                names |= {f"{block}.layer.1.layer_norm.weight"}
    return names


# layer -> its constructor and what checkpoints call it; an argument is called `taken`
LAYERS = {
    "first": ("linear(width, width) @ '0'", "0"),
    "second": ("linear(width, width) @ 'first'", "first"),
    "type": ("linear(width, width)", "type"),
    "cpu": ("linear(width, width)", "cpu"),
    "half": ("linear(width, width) @ 'to.half'", "to.half"),
    "word": ("linear(width, width) @ 'lambda'", "lambda"),
    "words": ("linear(width, width) @ 'x.class'", "x.class"),
    "digit": ("linear(width, width) @ 'conv.1x1'", "conv.1x1"),
    "zeros": ("linear(width, width) @ 'conv.01'", "conv.01"),
    "hidden": ("linear(width, width) @ '_modules'", "_modules"),
    "norm_": ("linear(width, width)", "norm_"),
    "argument": ("linear(width, width) @ 'taken.2'", "taken.2"),
    "outer": ("linear(width, width)", "outer"),
    "within": ("linear(width, width) @ 'outer.within'", "outer.within"),
    "before": ("linear(width, width) @ 'around.0'", "around.0"),
    "around": ("linear(width, width)", "around"),
    "plain": ("linear(width, width) @ ''", ""),
}
ODD = f"""
modules:
  Odd:
    args: {{taken: int}}
    layers:
{textwrap.indent(chr(10).join(f"{n}: {text}" for n, (text, _) in LAYERS.items()), " " * 6)}
      query: linear(width, width) @ split('3.qk', 2, 0)
      key: linear(width, width) @ split('3.qk', 2, 1)
      sides_: "{{side: linear(width, width) @ '4.sides' for side in sides}}"
      steps: stored(arange(width)) @ '5.steps'
    inputs: {{x: "float[b, s, width]"}}
    forward: |
      x = {" + ".join(f"{name}(x)" for name in LAYERS)} * taken
      x = tanh(query(x)) + key(x) + cast_like(steps, x)
      for side in sides:
          x = x + sides_[side](x)
      return x
    returns: like x

models:
  Model:
    layers: {{shared: "embedding(vocab_size, width)", odd: Odd(3)}}
    inputs: {{input_ids: "int[b, s]"}}
    forward: return record(hidden=odd(shared(input_ids)))
    returns: {{hidden: "float[b, s, width]"}}

  ForTokens:
    base: Model() @ 'inner.0'
    layers: {{transformer: "linear(width, width)"}}
    inputs: [...]
    forward: |
      outputs = base()
      return record(logits=transformer(outputs.hidden))
    returns: {{logits: "float[b, s, width]"}}

  ForSequences:
    layers: {{transformer: "linear(width, width) @ 'transformer.0'"}}
    inputs: [...]
    forward: |
      outputs = base()
      return record(logits=transformer(outputs.hidden))
    returns: {{logits: "float[b, s, width]"}}
"""


def odd_names():
    odd = {f"{name}.{leaf}" if name else leaf for _, name in LAYERS.values() for leaf in LINEAR}
    odd |= under("3.qk", LINEAR) | {"5.steps"}
    odd |= under("4.sides.left", LINEAR) | under("4.sides.right", LINEAR)
    return {"shared.weight", *under("odd", odd)}


SPECS = {"numbered": NUMBERED, "odd": ODD}
NAMES = {
    ("numbered", "Model"): numbered_names(),
    ("odd", "Model"): odd_names(),
    ("odd", "ForTokens"): under("inner.0", odd_names()) | under("transformer", LINEAR),
    ("odd", "ForSequences"): under("transformer", odd_names()) | under("transformer.0", LINEAR),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    root = tmp_path_factory.mktemp("paths")
    folder = root / PACKAGE
    for name, text in SPECS.items():
        path = root / f"{name}.yaml"
        path.write_text(HEAD.replace("model_type: paths", f"model_type: {name}") + text)
        program = check_spec(load_spec(path, [LIBRARY]))
        for file, source in render_program(program, PACKAGE).items():
            (folder / file).parent.mkdir(exist_ok=True, parents=True)
            (folder / file).write_text(source)
    (folder / "__init__.py").touch()
    sys.path.insert(0, str(root))
    yield PACKAGE
    sys.path.remove(str(root))


def model_class(package, spec, name, framework):
    infix, prefix = CLASSES[framework]
    module = importlib.import_module(f"{package}.{spec}.modeling_{infix}{spec}")
    return getattr(module, f"{prefix}Paths{name}")


@pytest.fixture(scope="module")
def saved(package, tmp_path_factory):
    """A checkpoint of each class, written by PyTorch."""
    import torch

    torch.manual_seed(0)
    folders = {}
    for spec, name in NAMES:
        made = model_class(package, spec, name, "pytorch")
        folders[spec, name] = tmp_path_factory.mktemp(f"{spec}_{name}")
        made(made.config_class()).save_pretrained(folders[spec, name])
    return folders


@pytest.mark.parametrize(("spec", "name"), NAMES)
def test_state_dict_of_pytorch(package, saved, spec, name):
    loaded = model_class(package, spec, name, "pytorch").from_pretrained(saved[spec, name])
    state = loaded.state_dict()
    assert set(state) == NAMES[spec, name]
    other = type(loaded)(loaded.config)
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    for key, tensor in other.state_dict().items():
        assert tensor.equal(state[key]), key


def outputs(model, framework):
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    if framework != "pytorch":
        return np.asarray(model(input_ids=ids)[0])
    import torch

    with torch.no_grad():
        return model(input_ids=torch.from_numpy(ids))[0].numpy()


@pytest.mark.parametrize("framework", CLASSES)
@pytest.mark.parametrize(("spec", "name"), NAMES)
def test_files_and_outputs(package, saved, spec, name, framework, tmp_path):
    pytorch = model_class(package, spec, name, "pytorch").from_pretrained(saved[spec, name])
    model, info = model_class(package, spec, name, framework).from_pretrained(
        saved[spec, name], output_loading_info=True
    )
    assert not any(info.values())
    model.save_pretrained(tmp_path)
    written, original = (f / "model.safetensors" for f in (tmp_path, saved[spec, name]))
    assert written.read_bytes() == original.read_bytes()
    with checkpoint.open_checkpoint(tmp_path) as file:
        assert set(file.names) == NAMES[spec, name]
    expected = outputs(pytorch, "pytorch")
    np.testing.assert_allclose(outputs(model, framework), expected, rtol=1e-5, atol=1e-5)


def public(*things):
    return {name for thing in things for name in dir(thing) if not name.startswith("_")}


def test_reserved_names_of_pytorch():
    import torch
    from triptych.pytorch import Block, PreTrainedModel

    assert public(torch.nn.Module(), Block, PreTrainedModel) <= reserved.PYTORCH


def test_reserved_names_of_tensorflow():
    from triptych.tensorflow import Block, PreTrainedModel

    assert public(Block, PreTrainedModel) <= reserved.TENSORFLOW


def test_reserved_names_of_flax():
    from triptych.flax import Block, PreTrainedModel

    assert public(Block, PreTrainedModel) <= reserved.FLAX
