"""Records what the reference's `generate` makes of time series where means stand for draws.

    REFERENCE_PYTHON tests/references/record_forecasts.py

writes forecasts/<model_type>.json; `forecasts.py` says what is in it.
"""

import contextlib
import json
import sys
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from references.recorder import environment  # noqa: E402, I001  before torch

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from torch import distributions  # noqa: E402

from references import compare, forecasts  # noqa: E402
from references.recorder import filling, precision  # noqa: E402

DRAWING = ("Distribution", "Normal", "NegativeBinomial", "Independent", "TransformedDistribution")
DIGITS = 9  # of a float32

SERIES = {
    "prediction_length": 4,
    "context_length": 6,
    "lags_sequence": [1, 2, 5],
    "num_time_features": 2,
    "num_parallel_samples": forecasts.SAMPLES,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 20,
}
CATEGORIES = {
    "num_static_categorical_features": 2,
    "cardinality": [5, 3],
    "embedding_dimension": [3, 2],
}
CATEGORY_INPUTS = {"static_categorical_features": {"dtype": "int64", "values": [[4, 0], [1, 2]]}}
REAL_INPUTS = {"static_real_features": {"shape": [2, 2], "fill": ["normal", 0.0, 1.0]}}
MASK = {"dtype": "float32", "values": [[1] * 11, [0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1]]}
UNSEEN = {"dtype": "float32", "values": [[1] * 11, [0] * 11]}
LEVEL = ["positive", 0.5, 2.0]  # of values that may be counts
STUDENT, NORMAL, COUNTS = "student_t", "normal", "negative_binomial"
SERIES_CASES = {  # name: (configuration, inputs beside the usual ones)
    "student_t": ({}, {"past_observed_mask": MASK}),
    "normal": ({"distribution_output": NORMAL}, {"past_observed_mask": MASK}),
    "counts": ({"distribution_output": COUNTS}, {"past_observed_mask": MASK}),
    "student_t_std": ({"scaling": "std"}, {}),
    "normal_std": ({"distribution_output": NORMAL, "scaling": "std"}, {}),
    "counts_std": ({"distribution_output": COUNTS, "scaling": "std"}, {}),
    "student_t_unscaled": ({"scaling": None}, {"past_observed_mask": MASK}),
    "normal_unscaled": ({"distribution_output": NORMAL, "scaling": None}, {}),
    "counts_unscaled": ({"distribution_output": COUNTS, "scaling": None}, {}),
    "unseen": ({"scaling": True}, {"past_observed_mask": UNSEEN}),
    "one_lag": ({"lags_sequence": [1]}, {}),
    "late_lags": ({"lags_sequence": [3, 5], "distribution_output": NORMAL}, {}),
    "categories": (CATEGORIES, CATEGORY_INPUTS),
    "static_real": ({"num_static_real_features": 2, "scaling": "std"}, REAL_INPUTS),
    "static": (
        {**CATEGORIES, "num_static_real_features": 2, "distribution_output": COUNTS},
        {**CATEGORY_INPUTS, **REAL_INPUTS},
    ),
    "one_step": ({"prediction_length": 1}, {}),
}

PATCHES = {
    "num_input_channels": 3,
    "context_length": 12,
    "patch_length": 4,
    "patch_stride": 3,
    "d_model": 16,
    "num_hidden_layers": 1,
    "ffn_dim": 20,
    "num_attention_heads": 2,
    "prediction_length": 4,
    "num_targets": 2,
    "num_parallel_samples": forecasts.SAMPLES,
}
SEEN = {
    "past_observed_mask": {
        "dtype": "bool",
        "values": (np.arange(72).reshape(2, 12, 3) % 5 > 0).tolist(),
    }
}
PATCH_CASES = {
    STUDENT: ({"loss": "nll"}, SEEN),
    NORMAL: ({"loss": "nll", "distribution_output": NORMAL}, SEEN),
    "counts": ({"loss": "nll", "distribution_output": COUNTS, "scaling": "mean"}, {}),
    "student_t_unscaled": ({"loss": "nll", "scaling": None}, {}),
    "counts_unscaled": ({"loss": "nll", "distribution_output": COUNTS, "scaling": None}, {}),
    "point": ({"loss": "mse"}, {}),
}
TARGET_CASES = {
    kind: ({"loss": "nll", "distribution_output": kind}, {}) for kind in (STUDENT, NORMAL, COUNTS)
}


def series_inputs(config):
    """What is known of two series."""
    past = config["context_length"] + max(config["lags_sequence"])
    future = config["prediction_length"]
    return {
        "past_values": {"shape": [2, past], "fill": LEVEL},
        "past_time_features": {"shape": [2, past, 2], "fill": ["normal", 0.0, 1.0]},
        "future_time_features": {"shape": [2, future, 2], "fill": ["normal", 0.0, 1.0]},
    }


def patch_inputs(config):
    """What is known of two series of several channels."""
    shape = [2, config["context_length"], config["num_input_channels"]]
    return {"past_values": {"shape": shape, "fill": LEVEL}}


LISTS = {
    "time_series_transformer": [
        ("TimeSeriesTransformerForPrediction", SERIES, SERIES_CASES, series_inputs)
    ],
    "patchtst": [
        ("PatchTSTForPrediction", PATCHES, PATCH_CASES, patch_inputs),
        ("PatchTSTForRegression", PATCHES, TARGET_CASES, patch_inputs),
    ],
}


@contextlib.contextmanager
def means():
    """Inside, distributions give their means for draws."""
    with contextlib.ExitStack() as stack:
        for name in DRAWING:
            cls = getattr(distributions, name)
            stack.enter_context(mock.patch.object(cls, "sample", _mean))
        yield


def _mean(self, sample_shape=()):
    return self.mean


def record(class_name, config, inputs):
    """One case; SystemExit where samples differ, which would not be means."""
    cls = getattr(transformers, class_name)
    torch.manual_seed(0)
    model = cls(cls.config_class(**config)).eval()
    weights = fill(model)
    twin = precision.double_model(model, {}, {}, True)
    arrays = {name: torch.from_numpy(x) for name, x in forecasts.inputs(inputs).items()}
    with means():
        found = model.generate(**arrays).sequences.numpy()
        wide = {n: x.double() if x.is_floating_point() else x for n, x in arrays.items()}
        with precision.double():
            exact = twin.generate(**wide).sequences.numpy()
    if (found != found[:, :1]).any():
        raise SystemExit(f"{class_name}: samples differ")
    return {
        "class": class_name,
        "config": config,
        "weights": weights,
        "inputs": inputs,
        "tolerance": float(f"{max(compare.FLOOR, 4 * compare.error(found, exact)):.2g}"),
        "sequences": np.vectorize(lambda x: float(f"{x:.{DIGITS}g}"))(found).tolist(),
    }


def fill(model):
    """Gives a model its weights: {name: [shape, fill]}."""
    rows = {}
    parameters = {id(p) for p in model.parameters()}
    with torch.no_grad():
        for name, tensor in model.state_dict(keep_vars=True).items():
            path, _, leaf = name.rpartition(".")
            rule = filling._rule(model.get_submodule(path), leaf, tensor, id(tensor) in parameters)
            if rule != ["literal"]:
                rows[name] = [list(tensor.shape), rule]
                tensor.copy_(torch.from_numpy(forecasts.weight(name, *rows[name])))
    return rows


def text(cases):
    """A file: its long lists an entry a line."""
    weights = {}
    for case in cases.values():
        weights = {**case["weights"], **weights}
    lines = [row("reference", {"transformers": transformers.__version__}), row("weights", weights)]
    for name, case in cases.items():
        own = {**dict.fromkeys(weights), **case["weights"]}
        changed = {key: value for key, value in own.items() if value != weights[key]}
        rows = [row(key, value) for key, value in {**case, "weights": changed}.items()]
        lines.append(f"{json.dumps(name)}: {{\n " + ",\n ".join(rows) + "}")
    head, cases = ",\n".join(lines[:2]), ",\n".join(lines[2:])
    return f'{{{head},\n"cases": {{\n{cases}\n}}}}\n'


def row(key, value):
    """An entry in one line."""
    return f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"


def main():
    """Record all cases."""
    environment.check_versions()
    for model_type, lists in LISTS.items():
        cases = {}
        for class_name, base, changes, make in lists:
            for name, (config, inputs) in changes.items():
                config = {**base, **config}
                title = f"{class_name.rpartition('For')[2].lower()}_{name}"
                cases[title] = record(class_name, config, {**make(config), **inputs})
        path = forecasts.ROOT / f"{model_type}.json"
        path.write_text(text(cases), encoding="utf-8")


if __name__ == "__main__":
    main()
