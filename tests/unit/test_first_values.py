"""Rules for first values that follow from places and shapes: three frameworks alike."""

import math
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import torch
from parity.adapters import FRAMEWORKS, adapter
from references import case
from triptych.flax import initialization as flax_rules
from triptych.pytorch import initialization as pytorch_rules
from triptych.tensorflow import initialization as tensorflow_rules

CONFIG = SimpleNamespace(layers=4, low=0.001, high=0.1)


def drawn(rule, arguments, shape):
    """The values of a rule in each framework."""
    tensor = torch.empty(shape)
    getattr(pytorch_rules, rule)(*arguments)(tensor, CONFIG)
    yield tensor.numpy()
    parameter = SimpleNamespace(shape=shape, checkpoint_shape=shape, dtype="float32")
    yield getattr(tensorflow_rules, rule)(*arguments)(parameter, CONFIG).numpy()
    found = getattr(flax_rules, rule)(*arguments)
    yield np.asarray(found(jax.random.key(0), shape, np.float32, CONFIG))


def test_powers():
    for values in drawn("powers", ("layers", 0.5), (1, 1, 5)):
        expected = np.sqrt(np.arange(5) / 4)
        np.testing.assert_allclose(values, np.broadcast_to(expected, (1, 1, 5)), rtol=1e-6)
    for values in drawn("powers", (2, 3, 8, -5), (3,)):
        np.testing.assert_allclose(values, [-5, -4, 3], rtol=1e-6)


def test_log_range():
    for values in drawn("log_range", (), (2, 3)):
        np.testing.assert_allclose(values, np.log([[1, 2, 3], [1, 2, 3]]), rtol=1e-6)


def test_interleaved_sinusoids():
    for values in drawn("interleaved_sinusoids", ("high",), (7, 6)):
        np.testing.assert_allclose([values.mean(), values.std(ddof=1)], [0, 0.1], atol=1e-7)
        angles = np.arange(7)[:, None] * 10000 ** (-np.arange(3) / 3)
        expected = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(7, 6)
        np.testing.assert_allclose(np.corrcoef(values.ravel(), expected.ravel()), 1, atol=1e-6)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "path", ["PatchTSTModel/default", "PatchTSTForPretraining/patchtst-etth1-pretrain"]
)
def test_positions_of_a_new_model(framework, path):
    """As the reference makes them, in cases whose tables are its own."""
    recorded, own = case.load(f"patchtst/{path}"), adapter(framework)
    model_class = own.model_class("patchtst", recorded.class_name)
    found = own.state_dict(own.fresh(model_class, model_class.config_class(**recorded.config)))
    (name,) = (name for name in found if name.endswith("position_enc"))
    np.testing.assert_allclose(found[name], recorded.tensors()[name], rtol=0, atol=1e-6)


def test_orthogonal():
    for shape in ((6, 4), (4, 6)):
        for values in drawn("orthogonal", (0.5,), shape):
            square = values.T @ values if shape[0] > shape[1] else values @ values.T
            expected = 0.25 * max(1, shape[0] / shape[1])
            np.testing.assert_allclose(square, expected * np.eye(4), atol=1e-5)


def test_softplus_log_uniform():
    for values in drawn("softplus_log_uniform", ("low", "high", 0.002), (5000,)):
        steps = np.log1p(np.exp(values.astype(np.float64)))
        assert 0.0019 < steps.min() < 0.0021 and 0.095 < steps.max() < 0.1001
        middle = np.median(np.log(steps))
        assert abs(middle - math.log(0.01)) < 0.15


def test_rays():
    for values in drawn("rays", (8, 2, 3), (8 * 2 * 3 * 2,)):
        points = values.reshape(8, 2, 3, 2)
        for head in range(8):
            x, y = math.cos(head * math.pi / 4), math.sin(head * math.pi / 4)
            step = np.array([x, y]) / max(abs(x), abs(y))
            for level in range(2):
                expected = [step, 2 * step, 3 * step]
                np.testing.assert_allclose(points[head, level], expected, atol=1e-6)
