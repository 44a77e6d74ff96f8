"""Recorded forecasts of the reference, in which means stand for draws.

Needs numpy alone. A file `forecasts/<model_type>.json` has `weights` {name: [shape, fill]}, and
`cases`: the `class`, its `config`, what it changes in the `weights` (null: it has none of the
name), `inputs`, and `sequences` [b, samples, ...] with their `tolerance`, the larger of 1e-5 and 4
times the reference's own error against float64.

    for case in load("patchtst"):
        case.write_checkpoint(folder)
        error = case.error(model.generate(**case.inputs(), draw="mean", num_samples=SAMPLES))
"""

import json
from pathlib import Path

import numpy as np

from . import compare, fill, safetensors_file

ROOT = Path(__file__).resolve().parent / "forecasts"
SAMPLES = 2  # of each row
SEED = 11


class Case:
    """One model, what is known, and its forecast."""

    def __init__(self, model_type, name, data, weights):
        self.model_type, self.name, self._data = model_type, name, data
        self._weights = {**weights, **data["weights"]}
        self.class_name, self.tolerance = data["class"], data["tolerance"]

    def __repr__(self):
        return f"{self.class_name}-{self.name}"

    def write_checkpoint(self, folder):
        """config.json and model.safetensors."""
        config = {**self._data["config"], "architectures": [self.class_name]}
        text = json.dumps({**config, "model_type": self.model_type}, indent=2)
        (Path(folder) / "config.json").write_text(text, encoding="utf-8")
        tensors = {name: ("F32", weight(name, *row)) for name, row in self._weights.items() if row}
        payload = safetensors_file.serialize(tensors, {"format": "pt"})
        (Path(folder) / "model.safetensors").write_bytes(payload)
        return folder

    def inputs(self):
        """{name: numpy array}."""
        return inputs(self._data["inputs"])

    @property
    def sequences(self):
        """float64 [b, samples, ...]."""
        return np.array(self._data["sequences"])

    def error(self, sequences):
        """That of a forecast, as compare.error has it."""
        return compare.error(np.asarray(sequences), self.sequences)


def load(model_type, root=ROOT):
    """The Cases of a model type."""
    data = json.loads((Path(root) / f"{model_type}.json").read_text(encoding="utf-8"))
    cases = data["cases"].items()
    return [Case(model_type, name, case, data["weights"]) for name, case in cases]


def weight(name, shape, rule):
    """float32 values of a tensor."""
    return fill.values(SEED, name, tuple(shape), rule).astype(np.float32)


def inputs(specs):
    """Arrays by name: `values` with their dtype, or the `shape` and `fill` of floats."""
    return {name: _input(name, spec) for name, spec in specs.items()}


def _input(name, spec):
    if "values" in spec:
        return np.array(spec["values"], spec["dtype"])
    return fill.values(SEED, name, tuple(spec["shape"]), spec["fill"]).astype(np.float32)
