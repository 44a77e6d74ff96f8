"""Recorded reference cases: load one, rebuild its checkpoint, compare outputs and gradients.

Needs numpy alone. README.md beside this file describes the format.

    case = load("bert/BertModel/default")
    case.write_checkpoint(folder)                    # config.json, model.safetensors
    for probe in case.probes.values():
        for call in probe.calls:                     # one; several where a cache is carried along
            outputs = run(model, probe.mode, call.inputs(), call.kwargs)
            for result in call.check(outputs):
                assert result.ok, result
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import compare, fill, safetensors_file

FORMAT = 1
ROOT = Path(__file__).resolve().parent


class CaseError(Exception):
    """A recorded case is damaged, or not what it says it is."""


@dataclass(frozen=True)
class Result:
    """The comparison of one array: `error` against `tolerance`."""

    name: str
    error: float
    tolerance: float
    note: str = ""

    @property
    def ok(self):
        return self.error <= self.tolerance


@dataclass(frozen=True)
class Weight:
    """One name of the state dict; `tie` names the saved tensor it shares, if it is not saved."""

    name: str
    shape: tuple
    dtype: str
    fill: list
    tie: str | None


class Expected:
    """One output of the reference: whole (`full`, `exact`) or as a digest."""

    def __init__(self, case, row):
        self.name, self.dtype, shape, self.form, at, self.tolerance, *huge = row
        self.shape = tuple(shape)
        size = math.prod(self.shape)
        self.positions, self.huge_values = (), ()
        if self.form == "digest":
            width = 1 + fill.PROJECTIONS + fill.ENTRIES
            self.values = case.pool("float32", at, width)
            if huge:
                where, count = huge[0]
                self.positions = case.pool("int64", where, count)
                self.huge_values = case.pool("float32", at + width, count)
        else:
            pool = "int64" if self.form == "exact" else "float32"
            self.values = case.pool(pool, at, size).reshape(self.shape)

    def error(self, ours):
        """The error of an array, by the definition in compare.py."""
        if self.form == "digest":
            return compare.digest_error(
                ours, self.shape, self.values, self.positions, self.huge_values
            )
        if self.form == "exact" and self.dtype == "bool":
            return compare.exact(ours, self.values.astype(bool))
        return compare.error(ours, self.values)


class Call:
    """One call of the model: inputs, static keyword arguments and the outputs to expect."""

    def __init__(self, case, data):
        self._case, self._inputs = case, data["inputs"]
        self.kwargs = dict(data.get("kwargs", {}))
        self.expected = {row[0]: Expected(case, row) for row in data.get("outputs", [])}
        self.buffers = {row[0]: Expected(case, row) for row in data.get("buffers", [])}

    def inputs(self):
        """{name: numpy array}, in the order of the reference's signature."""
        return {name: self._case.array(spec) for name, spec in self._inputs.items()}

    def check(self, outputs, unexpected=True):
        """Compare {flattened name: array} with every output; missing and extra ones fail."""
        results = _check(self.expected, outputs)
        extra = sorted(set(outputs) - set(self.expected)) if unexpected else []
        return results + [Result(name, math.inf, 0.0, "not in the reference") for name in extra]

    def check_buffers(self, buffers):
        """Compare the buffers a training pass has changed, by checkpoint name."""
        return _check(self.buffers, buffers)


def _check(expected, arrays):
    results = []
    for name, wanted in expected.items():
        if name not in arrays:
            results.append(Result(name, math.inf, wanted.tolerance, "missing"))
            continue
        ours = np.asarray(arrays[name])
        note = "" if ours.shape == wanted.shape else f"shape {ours.shape}, not {wanted.shape}"
        results.append(Result(name, wanted.error(ours), wanted.tolerance, note))
    return results


class Gradients:
    """Norm and projections of each parameter's gradient, by checkpoint name and layout."""

    def __init__(self, case, data):
        self.of = data["of"]
        skipped = set(data.get("none", []))
        self.names = [name for name in case.parameters if name not in skipped]
        width = 2 + fill.PROJECTIONS
        table = case.pool("float32", data["at"], len(self.names) * width)
        table = table.reshape(-1, width).astype(np.float64)
        self.norms, self.tolerances, self.projections = table[:, 0], table[:, 1], table[:, 2:]

    def check(self, gradients):
        """Compare {checkpoint name: array}; an absent gradient counts as zero."""
        found = [np.asarray(gradients.get(name, 0.0), dtype=np.float64) for name in self.names]
        norms = np.array([float(np.linalg.norm(array.reshape(-1))) for array in found])
        projections = np.array([fill.project(array) for array in found])
        errors = compare.gradient_errors(norms, projections, self.norms, self.projections)
        rows = zip(self.names, errors, self.tolerances, strict=True)
        results = [Result(name, float(err), float(limit)) for name, err, limit in rows]
        largest = float(np.max(self.norms, initial=0.0))
        for name in sorted(set(gradients) - set(self.names)):
            size = float(np.linalg.norm(np.asarray(gradients[name], np.float64).reshape(-1)))
            results.append(Result(name, size / (largest or 1.0), 1e-9, "none in the reference"))
        return results


class Probe:
    """A named experiment of a case: kind "call", "cache", "generate", "bf16" or "fresh"."""

    def __init__(self, case, data):
        self._case = case
        self.name, self.kind, self.mode = data["name"], data["kind"], data.get("mode", "eval")
        self.data = data
        steps = data.get("steps", [data] if "inputs" in data else [])
        self.calls = [Call(case, step) for step in steps]
        self.gradients = Gradients(case, data["gradients"]) if "gradients" in data else None
        self.margin = data.get("margin")
        self.of = data.get("of")
        self.errors = {row[0]: tuple(row[1:]) for row in data.get("errors", [])}
        self.config = _changed(case.config, data.get("config", {}))

    def objective_weights(self):
        """{output: float32 weights} of the sum whose gradient is recorded; {} where it is `loss`.

        weights[o] = normal(seed, "objective/" + o) / sqrt(size of o); the objective is the sum
        over outputs o and entries i of weights[o][i] * output[o][i].
        """
        if self.gradients is None or self.gradients.of == "loss":
            return {}
        outputs = self.calls[0].expected
        return {
            name: objective_weight(self._case.seed, name, outputs[name].shape)
            for name in self.gradients.of
        }

    def check_fresh(self, arrays, rates):
        """Compare first values {checkpoint name: array} and rates {kind: numbers} of dropout."""
        results = []
        found = fresh_values(arrays, self._case.padding_rows)
        wanted = {name: values for name, _, *values in self.data["values"]}
        for name, size, *theirs in self.data["values"]:
            if name not in found or found[name][0] != size:
                results.append(Result(name, math.inf, 0.0, "missing, or of another size"))
                continue
            for what, error in compare.distribution_errors(found[name][1:], theirs, size).items():
                note = f"{what} {found[name][1:]}, not {theirs}"
                results.append(Result(name, error, compare.DEVIATIONS, note))
        extra = sorted(set(found) - set(wanted))
        results += [Result(name, math.inf, 0.0, "not in the reference") for name in extra]
        for kind, theirs in self.data["rates"].items():
            error = compare.error(rates[kind], theirs)
            results.append(Result(kind, error, compare.FLOOR, f"rates {rates[kind]}, not {theirs}"))
        return results


def fresh_values(arrays, padding_rows):
    """{name: [size, *distribution]} of first values; rows for padding stand by themselves."""
    parts = {}
    for name, array in arrays.items():
        if (row := padding_rows.get(name)) is not None:
            parts[f"{name}[{row}]"] = array[row]
            array = np.delete(array, row, axis=0)
        parts[name] = array
    return {name: [int(x.size), *compare.distribution(x)] for name, x in parts.items()}


def objective_weight(seed, name, shape):
    """The float32 weights of one output in the objective of a class without a loss."""
    flat = fill.values(seed, "objective/" + name, shape, ["normal", 0.0, 1.0])
    return (flat / math.sqrt(math.prod(shape))).astype(np.float32)


class Case:
    """A recorded case in `folder`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.data = json.loads((self.folder / "case.json").read_text(encoding="utf-8"))
        if self.data["format"] != FORMAT:
            raise CaseError(f"{self.folder}: format {self.data['format']}, expected {FORMAT}")
        self.config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        weights = json.loads((self.folder / "weights.json").read_text(encoding="utf-8"))
        self._weights = weights
        self.seed = weights["seed"]
        self.model_type = self.data["model_type"]
        self.class_name = self.data["class"]
        self.name = self.data["case"]
        self.minimal_config = self.data["minimal_config"]
        self.init = self.data["init"]
        with np.load(self.folder / "arrays.npz", allow_pickle=False) as file:
            self._pools = {name: file[name] for name in file.files}
        self.weights = [Weight(n, tuple(s), d, f, t) for n, s, d, f, t in weights["tensors"]]
        frozen = set(self.data["not_trained"])
        self.parameters = [w.name for w in self.weights if not w.tie and w.name not in frozen]
        self.padding_rows = self.data["padding_rows"]
        self.probes = {data["name"]: Probe(self, data) for data in self.data["probes"]}

    def __repr__(self):
        return f"{self.model_type}/{self.class_name}/{self.name}"

    def pool(self, name, at, count):
        """A stretch of one of the pools in arrays.npz."""
        values = self._pools[name][at : at + count]
        if len(values) != count:
            raise CaseError(f"{self.folder}: pool {name!r} ends before entry {at + count}")
        return values

    def array(self, spec):
        """A stored or hash-filled input."""
        dtype, shape = np.dtype(spec["dtype"]), tuple(spec["shape"])
        if "fill" in spec:
            return fill.values(self.seed, spec["key"], shape, spec["fill"]).astype(dtype)
        return self.pool("int64", spec["at"], math.prod(shape)).reshape(shape).astype(dtype)

    def tensors(self):
        """{checkpoint name: array} of all saved tensors (BF16 as uint16 bits)."""
        return {name: array for name, (_, array) in self._tensors().items()}

    def _tensors(self):
        result = {}
        for weight in self.weights:
            if weight.tie:
                continue
            if weight.fill[0] == "literal":
                _, pool, at = weight.fill
                values = self.pool(pool, at, math.prod(weight.shape)).reshape(weight.shape)
            else:
                values = fill.values(self.seed, weight.name, weight.shape, weight.fill)
            result[weight.name] = (weight.dtype, safetensors_file.to_dtype(values, weight.dtype))
        return result

    def minimal(self):
        """config.json without the keys that only repeat a default."""
        return _changed(self.config, dict.fromkeys(self.data["default_keys"], ...))

    def write_checkpoint(self, folder, minimal=False):
        """Write config.json and model.safetensors as the reference saved them, and check that.

        With `minimal`, config.json leaves out every key that only repeats a default.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        payload = safetensors_file.serialize(self._tensors(), self._weights["metadata"])
        if hashlib.sha256(payload).hexdigest() != self._weights["sha256"]:
            raise CaseError(f"{self}: the rebuilt checkpoint is not the one the reference saved")
        text = (self.folder / "config.json").read_text(encoding="utf-8")
        if minimal:
            text = json.dumps(self.minimal(), indent=2) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")
        (folder / "model.safetensors").write_bytes(payload)
        return folder


def _changed(config, changes):
    """A configuration with other values; `...` takes one out. Keys lead into parts: `text.size`."""
    result = dict(config)
    for path, value in changes.items():
        key, _, rest = path.partition(".")
        if rest:
            result[key] = _changed(result[key], {rest: value})
        elif value is ...:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def load(path):
    """A case from its folder, absolute or relative to this one ("bert/BertModel/default")."""
    path = Path(path)
    return Case(path if path.is_absolute() else ROOT / path)


def find(model_type="*", class_name="*", name="*", root=ROOT):
    """Folders of the recorded cases, sorted."""
    return sorted(f.parent for f in Path(root).glob(f"{model_type}/{class_name}/{name}/case.json"))


def nested(inputs):
    """Inputs called `name.0`, `name.1`, ... as one list, `group.name.0`, ... as a list in a map."""
    result = {}
    for name, item in inputs.items():
        whole, dot, place = name.rpartition(".")
        group, _, inner = whole.partition(".")
        if inner and place.isdigit():
            result.setdefault(group, {}).setdefault(inner, []).append(item)
        elif dot and place.isdigit():
            result.setdefault(whole, []).append(item)
        else:
            result[name] = item
    return result


def flatten(value, name=""):
    """{dotted name: array} of nested mappings, lists and tuples; None is left out."""
    if value is None:
        return {}
    if hasattr(value, "items"):
        pairs = list(value.items())
    elif isinstance(value, (list, tuple)):
        pairs = list(enumerate(value))
    else:
        return {name: value}
    result = {}
    for key, inner in pairs:
        result.update(flatten(inner, f"{name}.{key}" if name else str(key)))
    return result
