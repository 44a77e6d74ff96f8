"""What is drawn: each framework's draws against the distributions' own functions."""

import importlib

import numpy as np
import pytest
from scipy import stats
from triptych.generation.distributions import DISTRIBUTIONS

FRAMEWORKS = ("pytorch", "tensorflow", "flax")
DRAWN = 20_000
LEAST = 1e-3  # of the chance that numbers are further off; seeds are fixed
PARAMETERS = {
    "student_t": [(2.3, -1.0, 0.5), (40.0, 3.0, 2.0)],
    "normal": [(0.0, 1.0), (-2.0, 0.01)],
    "negative_binomial": [(0.4, 1.2), (3.0, -0.5), (30.0, 0.8)],
}
CASES = [(name, values) for name, rows in PARAMETERS.items() for values in rows]


@pytest.fixture(params=FRAMEWORKS)
def ops(request):
    return importlib.import_module(f"triptych.{request.param}.generation.ops")


def draws(ops, name, values, seed):
    """Numbers of one distribution, [100, n]."""
    parameters = [ops.full((100, DRAWN // 100), x, ops.float32) for x in values]
    return ops.to_numpy(DISTRIBUTIONS[name].draw(ops, ops.make_key(seed), *parameters))


def counts(count, logits):
    """The distribution of counts, whose successes have these logits."""
    return stats.nbinom(count, 1.0 / (1.0 + np.exp(logits)))


@pytest.mark.parametrize("name, values", CASES)
def test_draws(ops, name, values):
    found = draws(ops, name, values, 4)
    assert found.dtype == np.float32 and found.shape == (100, DRAWN // 100)
    found = found.reshape(-1)
    if name == "negative_binomial":
        assert chance_of_counts(found, counts(*values)) > LEAST
    else:
        exact = stats.t(*values) if name == "student_t" else stats.norm(*values)
        assert stats.kstest(found, exact.cdf).pvalue > LEAST


def chance_of_counts(found, exact):
    """Of Pearson's statistic; what is rarer than once in 20 counts together."""
    assert (found == np.round(found)).all() and found.min() >= 0
    highest = int(exact.isf(20 / len(found)))
    lowest = int(exact.ppf(20 / len(found)))
    expected = np.diff(exact.cdf(np.arange(lowest, highest + 1)), prepend=0.0, append=1.0)
    bins = np.clip(found, lowest, highest + 1).astype(int) - lowest
    seen = np.bincount(bins, minlength=len(expected))
    return stats.chisquare(seen, expected * len(found)).pvalue


def test_draws_differ(ops):
    for name, rows in PARAMETERS.items():
        one, same, other = (draws(ops, name, rows[0], seed) for seed in (1, 1, 2))
        assert (one == same).all()
        assert (one != other).any()


@pytest.mark.parametrize("name, values", CASES)
def test_means(ops, name, values):
    parameters = [ops.full((2,), x, ops.float32) for x in values]
    found = ops.to_numpy(DISTRIBUTIONS[name].mean(ops, *parameters))
    exact = {"student_t": stats.t, "normal": stats.norm, "negative_binomial": counts}[name]
    np.testing.assert_allclose(found, exact(*values).mean(), rtol=1e-6)


def test_points_are_certain(ops):
    value = ops.array(np.array([1.5, -2.0]))
    for found in (DISTRIBUTIONS["point"].draw(ops, None, value), value):
        assert ops.to_numpy(found).tolist() == [1.5, -2.0]
