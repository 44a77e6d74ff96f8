"""Forecasts: recorded ones of means, and whether what is drawn has the distributions that the
model gives."""

import inspect

import numpy as np
import pytest
import triptych
from references import forecasts
from scipy import stats

MODEL_TYPES = ("time_series_transformer", "patchtst")
PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}
DRAWN = 2000
LEAST = 1e-3  # of the chance that numbers are further off; seeds are fixed


CASES = [case for model_type in MODEL_TYPES for case in forecasts.load(model_type)]


def loaded(framework, case, folder):
    cls = getattr(triptych, PREFIXES[framework] + case.class_name)
    return cls.from_pretrained(case.write_checkpoint(folder))


def find(model_type, name):
    return next(c for c in CASES if (c.model_type, c.name) == (model_type, name))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("framework", PREFIXES)
def test_means(framework, case, tmp_path):
    model = loaded(framework, case, tmp_path)
    # the reference repeats means; of values that are certain it gives one
    samples = case.sequences.shape[1]
    found = model.generate(**case.inputs(), draw="mean", num_samples=samples).sequences
    assert case.error(found) <= case.tolerance, case.error(found)


@pytest.fixture(params=PREFIXES)
def series(request, tmp_path):
    """A model that draws step by step, with its inputs for one series."""
    case = find("time_series_transformer", "prediction_normal")
    model = loaded(request.param, case, tmp_path)
    return model, {name: x[:1] for name, x in case.inputs().items()}


def test_each_step_is_drawn_given_those_before_it(series):
    model, inputs = series
    drawn = np.asarray(model.generate(**inputs, num_samples=DRAWN, seed=5).sequences)[0]
    # what the model says of each value given those before it, which are in its own call
    known = {name: np.repeat(x, DRAWN, axis=0) for name, x in inputs.items()}
    known["past_observed_mask"] = known["past_observed_mask"] > 0
    outputs = call(model, {**known, "future_values": drawn})
    mean, spread = (np.asarray(x) for x in outputs.params)
    loc, scale = np.asarray(outputs.loc), np.asarray(outputs.scale)
    ranks = stats.norm.cdf(drawn, loc + scale * mean, scale * spread)
    assert np.std(mean[:, 1:], axis=0).min() > 1e-2  # earlier values do have a say
    for rank in ranks.T:
        assert stats.kstest(rank, "uniform").pvalue > LEAST
    for first, second in zip(ranks.T, ranks.T[1:], strict=False):
        assert stats.spearmanr(first, second).pvalue > LEAST


def call(model, arrays):
    """A model's outputs for numpy arrays."""
    if "torch" not in str(type(model).__mro__):
        return model(**arrays)
    import torch

    with torch.no_grad():
        return model(**{name: torch.from_numpy(x) for name, x in arrays.items()})


def test_seeds(series):
    model, inputs = series
    one, same, other = (
        np.asarray(model.generate(**inputs, num_samples=3, seed=seed).sequences)
        for seed in (1, 1, 2)
    )
    assert (one == same).all()
    assert (one != other).all()
    first, second = (
        np.asarray(model.generate(**inputs, num_samples=3).sequences) for _ in range(2)
    )
    assert (first != second).all()


def test_arguments_may_be_in_order(series):
    model, inputs = series
    names = [name for name, _ in model.forecasting.inputs if name in inputs]
    found = model.generate(*(inputs[name] for name in names), draw="mean").sequences
    wanted = model.generate(**inputs, draw="mean").sequences
    assert np.asarray(found).shape == (1, 1, 4)
    assert (np.asarray(found) == np.asarray(wanted)).all()


def test_as_many_samples_as_the_configuration_says(series):
    model, inputs = series
    assert np.asarray(model.generate(**inputs).sequences).shape == (1, forecasts.SAMPLES, 4)


def test_a_mask_that_is_left_out_is_true(series):
    model, inputs = series
    whole = {**inputs, "past_observed_mask": np.ones_like(inputs["past_values"])}
    del inputs["past_observed_mask"]
    found, wanted = (model.generate(**given, draw="mean").sequences for given in (inputs, whole))
    assert (np.asarray(found) == np.asarray(wanted)).all()


WRONG = {
    "past_value: no input of a forecast. Did you mean 'past_values'?": {"past_value": 1},
    "draw: expected 'sample' or 'mean', found 'means'. Did you mean 'mean'?": {"draw": "means"},
    "num_samples: expected a whole number above 0, found 0": {"num_samples": 0},
    "seed: expected a whole number, found 0.5": {"seed": 0.5},
    "future_time_features: a forecast needs it": {"future_time_features": None},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message, tmp_path):
    case = find("time_series_transformer", "prediction_normal")
    model = loaded("pytorch", case, tmp_path)
    with pytest.raises(triptych.TriptychError) as caught:
        model.generate(**{**case.inputs(), **WRONG[message]})
    assert str(caught.value) == message


def test_an_input_is_given_once(tmp_path):
    case = find("patchtst", "prediction_point")
    model = loaded("pytorch", case, tmp_path)
    values = case.inputs()["past_values"]
    with pytest.raises(triptych.TriptychError, match="past_values: given twice"):
        model.generate(values, past_values=values)
    with pytest.raises(triptych.TriptychError, match="expected 2 inputs at most, found 3"):
        model.generate(values, None, None)


@pytest.mark.parametrize("framework", PREFIXES)
def test_one_call_gives_all_distributions(framework, tmp_path):
    case = find("patchtst", "prediction_student_t")
    model = loaded(framework, case, tmp_path)
    inputs = {name: x[:1] for name, x in case.inputs().items()}
    drawn = np.asarray(model.generate(**inputs, num_samples=DRAWN, seed=3).sequences)[0]
    outputs = call(model, inputs)
    freedom, mean, spread = (np.asarray(x) for x in outputs.prediction_outputs)
    loc, scale = np.asarray(outputs.loc), np.asarray(outputs.scale)
    ranks = stats.t.cdf(drawn, freedom, loc + scale * mean, scale * spread)
    for rank in ranks.reshape(DRAWN, -1).T:
        assert stats.kstest(rank, "uniform").pvalue > LEAST


def test_signature_is_the_same_everywhere():
    names = [prefix + "PatchTSTForPrediction" for prefix in PREFIXES.values()]
    found = {str(inspect.signature(getattr(triptych, name).generate)) for name in names}
    assert len(found) == 1


def test_options_of_tensorflow_stay_as_they_are(tmp_path):
    import tensorflow as tf

    model = loaded("tensorflow", find("patchtst", "prediction_point"), tmp_path)
    known = find("patchtst", "prediction_point").inputs()
    for wanted in (False, True):
        tf.config.optimizer.set_experimental_options({"remapping": wanted})
        model.generate(**known)
        assert tf.config.optimizer.get_experimental_options()["remapping"] is wanted
