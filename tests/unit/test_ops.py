"""Every op in three frameworks, against numpy, from the spec to the number.

One model returns all of them. Ops with tests of their own (masks, losses, pooling, kernels) are
named at the end, so that a new op is either here or there.
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special
from triptych.generator.checking import check_spec
from triptych.generator.ops import OPS
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(2, 4, 6)).astype(np.float32)
Y = RANDOM.normal(size=(2, 4, 6)).astype(np.float32)
P = np.abs(X) + 0.25
IDS = RANDOM.integers(0, 4, (2, 3))
WORDS = np.array([[5, 3, 9, 1], [7, 2, 1, 1]])
FLAGS = X > 0.2
INPUTS = {"x": X, "y": Y, "p": P, "ids": IDS, "words": WORDS, "flags": FLAGS}
TYPES = {
    "x": "float[b, s, d]",
    "y": "float[b, s, d]",
    "p": "float[b, s, d]",
    "ids": "int[b, k]",
    "words": "int[b, s]",
    "flags": "bool[b, s, d]",
}


def softmax(x, axis=-1):
    return np.exp(x - special.logsumexp(x, axis=axis, keepdims=True))


def rows(x, index):
    return np.stack([x[i, j] for i, j in enumerate(index)])


# expression: (what the language says of its type, what numpy says of its value)
EXPRESSIONS = {
    "abs(x)": ("like x", np.abs(X)),
    "square(x)": ("like x", X * X),
    "sign(x)": ("like x", np.sign(X)),
    "exp(x)": ("like x", np.exp(X)),
    "expm1(x)": ("like x", np.expm1(X)),
    "log(p)": ("like x", np.log(P)),
    "masked_scatter(x, words > 4, y[0, :3])": (
        "like x",
        np.stack([np.stack([Y[0, 0], X[0, 1], Y[0, 1], X[0, 3]]), np.stack([Y[0, 2], *X[1, 1:]])]),
    ),
    "sin(x)": ("like x", np.sin(X)),
    "cos(x)": ("like x", np.cos(X)),
    "acos(tanh(x))": ("like x", np.arccos(np.tanh(X))),
    "tanh(x)": ("like x", np.tanh(X)),
    "floor(x)": ("like x", np.floor(X)),
    "ceil(x)": ("like x", np.ceil(X)),
    "sqrt(p)": ("like x", np.sqrt(P)),
    "rsqrt(p)": ("like x", 1 / np.sqrt(P)),
    "erf(x)": ("like x", special.erf(X)),
    "relu(x)": ("like x", np.maximum(X, 0)),
    "sigmoid(x)": ("like x", special.expit(X)),
    "silu(x)": ("like x", X * special.expit(X)),
    "log1p(p)": ("like x", np.log1p(P)),
    "lgamma(p)": ("like x", special.gammaln(P)),
    "softplus(x)": ("like x", np.log1p(np.exp(X))),
    "log_sigmoid(x)": ("like x", np.log(special.expit(X))),
    "gelu(x)": ("like x", X * special.ndtr(X)),
    "gelu(x, approximate=True)": (
        "like x",
        0.5 * X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))),
    ),
    "minimum(x, y)": ("like x", np.minimum(X, Y)),
    "maximum(x, y)": ("like x", np.maximum(X, Y)),
    "minimum(x, 0.25)": ("like x", np.minimum(X, 0.25)),
    "maximum(1, ids)": ("int[b, k]", np.maximum(IDS, 1)),
    "clip(x, -0.5, 0.25)": ("like x", np.clip(X, -0.5, 0.25)),
    "clip(ids, 1, 2)": ("int[b, k]", np.clip(IDS, 1, 2)),
    "isfinite(x / cast_like(flags, x))": ("bool[b, s, d]", FLAGS),
    "stop_gradient(x)": ("like x", X),
    "where(flags, x, y)": ("like x", np.where(FLAGS, X, Y)),
    "where(flags, x, 0.0)": ("like x", np.where(FLAGS, X, 0)),
    "cast(flags, int)": ("int[b, s, d]", FLAGS.astype(int)),
    "cast(x, bool)": ("bool[b, s, d]", X != 0),
    "cast(x * 3.0, int)": ("int[b, s, d]", (X * 3).astype(int)),
    "cast_like(ids, x)": ("float[b, k]", IDS),
    "arange(s)": ("int[s]", np.arange(4)),
    "arange(1, s)": ("int[s - 1]", np.arange(1, 4)),
    "arange(0, 2 * s, 2)": ("int[s]", np.arange(0, 8, 2)),
    "zeros_like(x)": ("like x", 0 * X),
    "ones_like(x)": ("like x", 0 * X + 1),
    "full((2, 3), 0.5)": ("float32[2, 3]", np.full((2, 3), 0.5)),
    "tensor([0.5, 2.0])": ("float32[2]", np.array([0.5, 2])),
    "x[:, :size(x, 1) - 1]": ("float[b, s - 1, d]", X[:, :3]),
    "take(x, ids[0], axis=1)": ("float[b, k, d]", X[:, IDS[0]]),
    "take(x[0], ids)": ("float[b, k, d]", X[0][IDS]),
    "take_along(x[:, :, 0], ids, axis=1)": (
        "float[b, k]",
        np.take_along_axis(X[:, :, 0], IDS, 1),
    ),
    "select_rows(x, ids[:, 0])": ("float[b, d]", rows(X, IDS[:, 0])),
    "last_token(x, words, 1)": ("float[b, d]", rows(X, [2, 1])),
    "mean(x)": ("float[]", X.mean()),
    "mean(x, axis=[0, 2])": ("float[s]", X.mean((0, 2))),
    "mean(x, axis=1, keepdims=True)": ("float[b, 1, d]", X.mean(1, keepdims=True)),
    "sum(x, axis=-1)": ("float[b, s]", X.sum(-1)),
    "sum(ids, axis=1)": ("int[b]", IDS.sum(1)),
    "max(x, axis=1)": ("float[b, d]", X.max(1)),
    "min(x, axis=[1, 2])": ("float[b]", X.min((1, 2))),
    "max(x)": ("float[]", X.max()),
    "max(ids, axis=1, keepdims=True)": ("int[b, 1]", IDS.max(1, keepdims=True)),
    "any(flags, axis=2)": ("bool[b, s]", FLAGS.any(2)),
    "all(flags, axis=1)": ("bool[b, d]", FLAGS.all(1)),
    "argmax(x, axis=1)": ("int[b, d]", X.argmax(1)),
    "argsort(x, axis=1)": ("int[b, s, d]", X.argsort(1)),
    "top_k(x, 2)[0]": ("float[b, s, 2]", np.sort(X)[..., :-3:-1]),
    "top_k(x, 2)[1]": ("int[b, s, 2]", X.argsort()[..., :-3:-1]),
    "known_labels_loss(x[:, 0, :1], y[:, 0, :1], 1)": (
        "float32[]",
        np.mean((X[:, 0, :1] - Y[:, 0, :1]) ** 2),
    ),
    "known_labels_loss(x[:, 0], where(flags[:, 0], p[:, 0], log(0.0 - p[:, 0])), 6)": (
        "float32[]",
        np.sum((np.log1p(np.exp(X)) - X * P)[:, 0][FLAGS[:, 0]]),
    ),
    "var(x, axis=2)": ("float[b, s]", X.var(2)),
    "var(x, axis=2, keepdims=True)": ("float[b, s, 1]", X.var(2, keepdims=True)),
    "logsumexp(x, axis=1)": ("float[b, d]", special.logsumexp(X, 1)),
    "logsumexp(x, axis=1, keepdims=True)": (
        "float[b, 1, d]",
        special.logsumexp(X, 1, keepdims=True),
    ),
    "softmax(x)": ("like x", softmax(X)),
    "softmax(x, axis=1)": ("like x", softmax(X, 1)),
    "log_softmax(x)": ("like x", np.log(softmax(X))),
    "log_softmax(x, axis=0)": ("like x", np.log(softmax(X, 0))),
    "cumsum(x, axis=1)": ("like x", X.cumsum(1)),
    "standardize(x, eps=0.1)": (
        "like x",
        (X - X.mean(-1, keepdims=True)) / np.sqrt(X.var(-1, keepdims=True) + 0.1),
    ),
    "l2_normalize(x)": ("like x", X / np.linalg.norm(X, axis=-1, keepdims=True)),
    "l2_normalize(x, axis=1)": ("like x", X / np.linalg.norm(X, axis=1, keepdims=True)),
    'rearrange(x, "b s (n e) -> b n s e", n=2)': (
        "float[b, 2, s, exact(d, 2)]",
        X.reshape(2, 4, 2, 3).transpose(0, 2, 1, 3),
    ),
    "concat([x, y], axis=1)": ("float[b, 2 * s, d]", np.concatenate([X, Y], 1)),
    "stack([x, y])": ("float[2, b, s, d]", np.stack([X, Y])),
    "stack([x, y], axis=2)": ("float[b, s, 2, d]", np.stack([X, Y], 2)),
    "split(x, 2)[1]": ("float[b, s, exact(d, 2)]", X[..., 3:]),
    "split(tensor([1.0, 2.0, 3.0]), [1, 2], axis=0)[1]": ("float32[2]", np.array([2, 3])),
    "pad(x, [0, 2, 0])": ("float[b, s + 2, d]", np.pad(X, [(0, 0), (0, 2), (0, 0)])),
    "pad(x, [0, 0, 0], before=[0, 1, 0])": (
        "float[b, s + 1, d]",
        np.pad(X, [(0, 0), (1, 0), (0, 0)]),
    ),
    "pad(x, [0, -1, 0])": ("float[b, s - 1, d]", X[:, :-1]),
    "roll(x, [1, -2], axes=[1, 2])": ("like x", np.roll(X, (1, -2), (1, 2))),
    "flip(x, axis=1)": ("like x", X[:, ::-1]),
    "repeat(x, 3, axis=1)": ("float[b, 3 * s, d]", X.repeat(3, 1)),
    "tile(x, [1, 3, 1])": ("float[b, 3 * s, d]", np.tile(X, (1, 3, 1))),
    "broadcast_to(x[:, :1], (b, s, d))": ("like x", np.broadcast_to(X[:, :1], X.shape)),
    "transpose(x)": ("float[b, d, s]", X.transpose(0, 2, 1)),
    'einsum("b s d, b t d -> b s t", x, y)': ("float[b, s, s]", X @ Y.transpose(0, 2, 1)),
    'einsum("b s d, b s d, b s d -> b", x, y, x)': ("float[b]", (X * Y * X).sum((1, 2))),
    "new_positions(s)": ("int[1, s]", np.arange(4)[None]),
}  # fmt: skip

ELSEWHERE = {
    "attention and masks, tests/unit/*/test_*_attention.py": (
        "attention", "padding", "causal", "window", "allow",
    ),
    "losses, test_pytorch_losses.py, test_sequence_layers.py and parity": (
        "cross_entropy", "next_token_loss", "classification_loss", "span_loss", "l1_loss",
        "mse_loss", "contrastive_loss", "ctc_loss",
    ),
    "kernels, test_assignment.py, test_sampling.py, test_experts.py, test_scans.py, test_wkv.py": (
        "linear_assignment", "grid_sample", "mixture_of_experts", "selective_scan", "wkv",
    ),
    "positions, test_positions.py": (
        "key_positions", "log_buckets", "fourier_waves", "sinusoidal_positions",
    ),
    "sizes that depend on values, test_static_size.py, test_bounded.py": ("static_size", "bounded"),
    "random numbers, test_seeded.py": ("seeded_normal",),
    "targets and dictionaries, test_rows.py and parity": ("padded", "named"),
    "pictures, test_pictures.py and tests/unit/*/test_*_layers.py": (
        "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "interpolate",
    ),
}  # fmt: skip

HEAD = """\
triptych: 1
name: Ops
model_type: every_op
prefix: Ops
summary: Every op.
paper: {title: "None", year: 2024}
rows: []
config: {d: 6}
presets: {small: {}}
models:
  Model:
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A model that returns every expression, as a package."""
    root = tmp_path_factory.mktemp("ops")
    names = {f"r{number}": expression for number, expression in enumerate(EXPRESSIONS)}
    lines = ["    inputs:", *(f'      {name}: "{kind}"' for name, kind in TYPES.items())]
    lines += ["    forward: |", *(f"      {name} = {text}" for name, text in names.items())]
    lines += [f"      return record({', '.join(f'{name}={name}' for name in names)})"]
    lines += ["    returns:"]
    for name, text in names.items():
        kind = EXPRESSIONS[text][0]
        kind = TYPES["x"] if kind == "like x" else kind
        lines.append(f'      {name}: "{kind}"')
    path = root / "every_op.yaml"
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    program = check_spec(load_spec(path, []))
    (root / "ops_in_tests").mkdir()
    (root / "ops_in_tests" / "__init__.py").touch()
    for name, text in render_program(program, "ops_in_tests", formatter=str).items():
        (root / "ops_in_tests" / name).parent.mkdir(exist_ok=True)
        (root / "ops_in_tests" / name).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(root))
    yield "ops_in_tests.every_op"
    sys.path.remove(str(root))


def results(package, framework):
    """What the model returns, as arrays."""
    config = importlib.import_module(f"{package}.configuration_every_op").OpsConfig()
    if framework == "pytorch":
        torch = importlib.import_module("torch")
        model = importlib.import_module(f"{package}.modeling_every_op").OpsModel(config)
        found = model(**{name: torch.from_numpy(value) for name, value in INPUTS.items()})
        return {name: value.numpy() for name, value in found.items()}
    if framework == "tensorflow":
        tf = importlib.import_module("tensorflow")
        model = importlib.import_module(f"{package}.modeling_tf_every_op").TFOpsModel(config)
        found = tf.function(lambda inputs: dict(model(**inputs)))(
            {name: tf.constant(value) for name, value in INPUTS.items()}
        )
        return {name: value.numpy() for name, value in found.items()}
    jax = importlib.import_module("jax")
    model = importlib.import_module(f"{package}.modeling_flax_every_op").FlaxOpsModel(config)
    return {name: np.asarray(v) for name, v in jax.jit(lambda i: dict(model(**i)))(INPUTS).items()}


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow", "flax"])
def test_values(package, framework):
    found = results(package, framework)
    wrong = {}
    for number, (expression, (_, wanted)) in enumerate(EXPRESSIONS.items()):
        value = found[f"r{number}"]
        same = value.shape == np.shape(wanted)
        if not same or not np.allclose(value, wanted, rtol=1e-5, atol=2e-6):
            wrong[expression] = f"{value.shape} {value.reshape(-1)[:3]}, not {np.shape(wanted)}"
    assert wrong == {}


def test_no_op_is_forgotten():
    here = {name for name in OPS for text in EXPRESSIONS if f"{name}(" in text}
    there = {name for names in ELSEWHERE.values() for name in names}
    assert set(OPS) - here - there == set()
    assert there <= set(OPS)


def test_places_named_exist():
    root = Path(__file__).parent
    assert all((root / name).exists() for name in ("test_pictures.py", "test_sequence_layers.py"))
