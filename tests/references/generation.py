"""Recorded generations of the reference: `generate` of every class that has it.

Needs numpy alone. A file `generation/<model_type>/<Class>.json` has the `cases` of a class, each
with `prompts` (inputs by name) and `calls`. The weights are those of the case of the same name, or
of another `seed`, the matrices between embedding and head multiplied by `gain`: many tiny models
say one token for ever.

    for recording in load("gpt2", "GPT2LMHeadModel"):
        recording.write_checkpoint(folder)
        for call in recording.calls:
            output = model.generate(**call.inputs(), **call.kwargs)
            for result in call.check(output):
                assert result.ok, result
"""

import json
import math
from functools import cached_property
from pathlib import Path

import numpy as np

from . import case as cases
from . import compare, fill, safetensors_file
from .case import Result

ROOT = Path(__file__).resolve().parent / "generation"
DIGITS = 9  # of a float32
SECONDS = 1e-6  # by which times may differ
DRAFT_SHARE = 0.1  # of other values in the weights of the draft of assisted decoding
MATRICES = ("weight", "kernel", "q", "k", "v", "o", "r")  # that a gain multiplies
OUTSIDE = (
    "embed",
    "shared",
    "wte",
    "wpe",
    "relative_attention_bias",
    "lm_head",
    "encoder_attn",
    "crossattention",
    "EncDecAttention",
)  # but for these


class Call:
    """One call of `generate`: its inputs and arguments, and what the reference answers.

    `refused` says why there is no answer. What is no argument as it stands is in `special`:
    `assistant` (the draft is given), `allowed` (a rule of `allowed_tokens`), `first` (arguments of
    an earlier call, after which `more` tokens follow and whose past_key_values are handed on),
    `generation_config` (fields of one that is given).
    """

    SPECIAL = ("assistant", "allowed", "first", "more", "generation_config")

    def __init__(self, case, prompts, data):
        self._case, self._data = case, data
        self._prompt = prompts.get(data.get("prompt"), {})
        self.name, self.refused = data["name"], data.get("refused")
        self.kwargs = dict(data.get("kwargs", {}))
        self.special = {key: data[key] for key in self.SPECIAL if key in data}
        self.reference = data.get("reference")
        self.outputs = tuple(data.get("outputs", ()))  # what is recorded beside the sequences

    def __repr__(self):
        return self.name

    @property
    def sequences(self):
        """The tokens to come, int64 [n, length]."""
        return np.array(self._data["sequences"], np.int64)

    def inputs(self):
        """{name: numpy array}."""
        return {name: read(self._case.seed, spec) for name, spec in self._prompt.items()}

    def check(self, output):
        """Results of a comparison; `output` maps names to arrays, nested ones with dotted names."""
        found, wanted = np.asarray(output["sequences"]), self.sequences
        results = [Result("sequences", compare.exact(found, wanted), 0.0, _rows(found, wanted))]
        for name, expected in self._data.get("outputs", {}).items():
            results += check_output(name, expected, output)
        return results


class Recording:
    """All calls of a class on one case."""

    def __init__(self, model_type, class_name, name, data):
        self.model_type, self.class_name, self.name = model_type, class_name, name
        self.data = data
        self.values = (data["seed"], data["gain"])

    def __repr__(self):
        return f"{self.model_type}/{self.class_name}/{self.name}"

    def write_checkpoint(self, folder):
        """config.json and model.safetensors of the model."""
        return write_checkpoint(self.case, folder, *self.values)

    def write_draft(self, folder):
        """Those of the draft of assisted decoding."""
        return write_checkpoint(self.case, folder, *self.values, DRAFT_SHARE)

    @cached_property
    def case(self):
        """The case with the weights."""
        return cases.load(repr(self))

    @cached_property
    def calls(self):
        """The calls, those that the reference refuses among them."""
        return [Call(self.case, self.data["prompts"], data) for data in self.data["calls"]]


def load(model_type, class_name, root=ROOT):
    """The Recordings of a class, main case first."""
    text = (Path(root) / model_type / f"{class_name}.json").read_text(encoding="utf-8")
    found = json.loads(text)["cases"]
    return [Recording(model_type, class_name, name, data) for name, data in found.items()]


def find(root=ROOT):
    """(model type, class) of all recordings, sorted."""
    return sorted((file.parent.name, file.stem) for file in Path(root).glob("*/*.json"))


def read(seed, spec):
    """An input: its values, or the rule that fills it."""
    dtype, shape = np.dtype(spec["dtype"]), tuple(spec["shape"])
    if "fill" in spec:
        return fill.values(seed, spec["key"], shape, spec["fill"]).astype(np.float32).astype(dtype)
    return np.array(spec["values"], dtype).reshape(shape)


def summary(array):
    """{shape, infinite, digest} of floats, of which the infinite ones are counted."""
    array = np.asarray(array, np.float64)
    finite = np.isfinite(array)
    digest = compare.digest(np.where(finite, array, 0.0), ~finite.reshape(-1))
    return {
        "shape": list(array.shape),
        "infinite": int((~finite).sum()),
        "digest": [float(f"{number:.{DIGITS}g}") for number in digest],
    }


def summary_error(array, expected):
    """The error of an array against a summary, as compare.digest_error has it."""
    array = np.asarray(array, np.float64)
    if np.isnan(array).any() or list(array.shape) != expected["shape"]:
        return math.inf
    if int((~np.isfinite(array)).sum()) != expected["infinite"]:
        return math.inf
    wanted = np.array(expected["digest"])
    found = np.array(summary(array)["digest"])
    return float(np.abs(found - wanted).max() / wanted[0])


def check_output(name, expected, output):
    """Results for one output beside the sequences: numbers, or the shapes of a nest of arrays."""
    if "rows" in expected:
        return [_check_segments(name, expected["rows"], output)]
    if "shapes" in expected:
        found = shapes(output, name)
        same = found == expected["shapes"]
        note = "" if same else f"shapes {found}, not {expected['shapes']}"
        return [Result(name, 0.0 if same else math.inf, 0.0, note)]
    array = stacked(output, name)
    if array is None:
        return [Result(name, math.inf, 0.0, "missing")]
    if "values" in expected:
        wanted = np.array(expected["values"], expected["dtype"])
        error = compare.error(array, wanted)
    else:
        error = summary_error(array, expected)
    note = f"shape {list(array.shape)}, not {expected['shape']}" if "shape" in expected else ""
    return [Result(name, error, expected["tolerance"], note)]


def _check_segments(name, rows, output):
    """The Result of lists of segments, one a row: their times, tokens and places."""
    found = {key: np.asarray(x) for key, x in output.items() if key.startswith(name + ".")}
    found = {key: x for key, x in found.items() if ".result" not in key}
    wanted = {}
    for row, segments in enumerate(rows):
        for place, segment in enumerate(segments):
            begin, stop = segment["idxs"]
            parts = {**segment, "idxs.0": begin, "idxs.1": stop}
            del parts["idxs"]
            wanted |= {f"{name}.{row}.{place}.{key}": np.array(x) for key, x in parts.items()}
    other = sorted(found.keys() ^ wanted.keys())
    other += [
        key
        for key in sorted(found.keys() & wanted.keys())
        if found[key].shape != wanted[key].shape
        or not np.allclose(found[key], wanted[key], rtol=0, atol=SECONDS)
    ]
    note = f"different: {', '.join(other[:3])}" if other else ""
    return Result(name, math.inf if other else 0.0, 0.0, note)


def stacked(output, name):
    """An output, or its parts `name.0`, `name.1`, ... as one array; None if there is neither."""
    if name in output:
        return np.asarray(output[name])
    parts = []
    while f"{name}.{len(parts)}" in output:
        parts.append(np.asarray(output[f"{name}.{len(parts)}"]))
    return np.stack(parts) if parts else None


def shapes(output, name):
    """[[shape of each layer] of each step], or [shape of each layer] where there are no steps."""
    found = {key: np.shape(x) for key, x in output.items() if key.startswith(name + ".")}
    if not found:
        return None
    nest = {}
    for key, shape in found.items():
        place = [int(part) for part in key[len(name) + 1 :].split(".")]
        nest.setdefault(place[0], []).append(list(shape))
        steps = len(place) == 2
    rows = [nest[index] for index in sorted(nest)]
    return rows if steps else [row[0] for row in rows]


def allowed_tokens(rule, row, tokens):
    """The tokens that may follow: a function of the row and of how many tokens there are.

    Of `vocabulary` tokens, those t where t + row + number of tokens is no multiple of `modulo`.
    """
    start = row + len(tokens)
    return [t for t in range(rule["vocabulary"]) if (t + start) % rule["modulo"]]


def write_checkpoint(case, folder, seed, gain, share=0.0):
    """config.json and model.safetensors of a case whose values have another seed and gain.

    `share` of the next seed's are mixed in: that model says other tokens now and then.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    own, tensors = case.tensors(), {}
    for weight in case.weights:
        if not weight.tie:
            values = own[weight.name]
            if weight.dtype == "F32" and weight.fill[0] != "literal":
                values = _values(weight, seed, gain, share)
            tensors[weight.name] = (weight.dtype, values)
    payload = safetensors_file.serialize(tensors, {"format": "pt"})
    text = (case.folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(text, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(payload)
    return folder


def _values(weight, seed, gain, share):
    values = fill.values(seed, weight.name, weight.shape, weight.fill)
    if share:
        other = fill.values(seed + 1, weight.name, weight.shape, weight.fill)
        values = (1.0 - share) * values + share * other
    path, _, leaf = weight.name.rpartition(".")
    outside = any(part in path for part in OUTSIDE)
    if len(weight.shape) > 1 and leaf in MATRICES and not outside:
        values = gain * values
    return safetensors_file.to_dtype(values, weight.dtype)


def _rows(found, wanted):
    if np.array_equal(found, wanted):
        return ""
    return f"{found.tolist()}, not {wanted.tolist()}"
