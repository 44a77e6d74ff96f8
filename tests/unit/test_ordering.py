"""Ops that order entries: the same in three frameworks as in numpy, eager and compiled."""

import numpy as np
import pytest
from test_features import FRAMEWORKS, arrays, configuration, model_class, packages  # noqa: F401

RNG = np.random.default_rng(0)
X = RNG.permutation(84).reshape(2, 6, 7).astype(np.float32)
IDS = RNG.integers(0, 4, (2, 7))  # with equal ones, whose order has to stay
WORDS = RNG.standard_normal((2, 6, 7)).astype(np.float32)


def compiled(framework, model):
    """The model's call, compiled as users would."""
    if framework == "pytorch":
        import torch

        return torch.compile(model, backend="aot_eager", fullgraph=True)
    if framework == "tensorflow":
        import tensorflow as tf

        return tf.function(model, jit_compile=True)
    from flax import nnx

    return nnx.jit(model)


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_as_numpy(packages, framework, compile):  # noqa: F811
    config = configuration(packages, "ordering", "OrderingConfig")()
    model = model_class(packages, "ordering", "OrderingModel", framework)(config)
    call = compiled(framework, model) if compile else model
    found = call(**arrays(framework, {"x": X, "ids": IDS, "words": WORDS}))
    best = np.argsort(-X, axis=-1)[..., :3]
    order = np.argsort(IDS, axis=1, kind="stable")
    expected = {
        "largest": np.take_along_axis(X, best, -1),
        "places": best,
        "order": order,
        "columns": np.argsort(X, axis=1),
        "sorted": np.sort(IDS, axis=1),
        "rows": np.take_along_axis(WORDS, order[:, None], 2),
    }
    for name, want in expected.items():
        np.testing.assert_array_equal(np.asarray(found[name]), want, name)
