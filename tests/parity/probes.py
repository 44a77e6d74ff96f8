"""What is done with each kind of probe, the same in all frameworks and forms."""

import hashlib
import json
import math
from functools import cache

import numpy as np
from references import compare
from references.case import Result, flatten, nested
from triptych.errors import InputError

from . import generation

BF16_FACTOR = 1.5  # how much worse than the reference's own bfloat16 ours may be
NOT_COMPARED = {"transformers_version"}  # keys of config.json that name the program that wrote it


def runs(probe):
    """(kind of a form's list, function (session, probe)) of all that a probe asks for."""
    if probe.kind == "cache":
        if "past_key_values" in probe.data["carry"]:
            return [("cache", growing_cache), ("static_cache", static_cache)]
        return [("cache", growing_cache)]
    if probe.kind == "generate":
        return [("generate", generate)]
    if probe.kind == "bf16":
        return [("bf16", bfloat16)]
    if probe.kind == "method":
        return [("method", method)]
    if probe.kind == "fresh":
        return [("fresh", fresh)]
    if probe.gradients or probe.mode == "train":
        return [("train", train)]
    return [("call", call)]


def call(session, probe):
    """One call in evaluation mode: every output, by name."""
    if session.takes(probe):
        recorded = probe.calls[0]
        inputs = session.adapter.inputs(recorded.inputs())
        output = session.caller(inputs, recorded.kwargs)
        session.report.add(probe.name, recorded.check(session.adapter.arrays(output)))


def method(session, probe):
    """A public method of the model, in evaluation mode."""
    recorded = probe.calls[0]
    call = session.adapter.method(session.model, probe.data["method"])
    output = call(**session.adapter.inputs(recorded.inputs()), **recorded.kwargs)
    if not hasattr(output, "items"):
        output = flatten(output, "" if isinstance(output, (list, tuple)) else "output")
    session.report.add(probe.name, recorded.check(session.adapter.arrays(output)))


def train(session, probe):
    """Outputs, the gradient of the loss or of a weighted sum of outputs, and changed buffers."""
    if not session.takes(probe):
        return
    adapter, recorded = session.adapter, probe.calls[0]
    weights = flatten(adapter.inputs(probe.objective_weights()))

    def objective(flat, total):
        if not weights:
            return flat["loss"]
        return sum(total(weight * flat[name]) for name, weight in weights.items())

    model, _ = session.load()
    before = {name: np.array(array) for name, array in adapter.state_dict(model).items()}
    output, gradients, after = adapter.train(
        model,
        session.form,
        probe.mode == "train",
        adapter.inputs(recorded.inputs()),
        recorded.kwargs,
        objective,
    )
    add = session.report.add
    add(probe.name, recorded.check(adapter.arrays(output)))
    frozen = set(session.case.data["not_trained"])
    gradients = {name: g for name, g in gradients.items() if name not in frozen}
    add(f"{probe.name} gradient", probe.gradients.check(gradients))
    add(f"{probe.name} buffer", recorded.check_buffers(after))
    for name, array in after.items():
        if name not in recorded.buffers and not np.array_equal(array, before[name]):
            session.report.add_flag(probe.name, name, False, "changed by the call")


def growing_cache(session, probe):
    """A prefill and steps, each given what the one before returned."""
    if not session.takes(probe):
        return
    passed = {}
    for step, recorded in enumerate(probe.calls):
        inputs = session.adapter.inputs(recorded.inputs())
        output = session.caller({**inputs, **nested(passed)}, recorded.kwargs)
        arrays = session.adapter.arrays(output)
        session.report.add(f"{probe.name}[{step}]", recorded.check(arrays))
        passed = {given: output[taken] for taken, given in probe.data["carry"].items()}


def static_cache(session, probe):
    """The same on a preallocated cache, compiled for the prefill and the first step alone."""
    if not session.takes(probe):
        return
    adapter, caller = session.adapter, session.fresh_caller()
    lengths = [generation.token_count(recorded.inputs()) for recorded in probe.calls]
    batch, capacity, done, steady = lengths[0][0], sum(n for _, n in lengths) + 2, 0, None
    past, passed = session.model.init_cache(batch, capacity), {}
    for step, recorded in enumerate(probe.calls):
        inputs = generation.widened(recorded.inputs(), capacity, session)
        name = session.model.cache_name
        arguments = {**adapter.inputs(inputs), **nested(passed), name: past}
        output = caller(arguments, recorded.kwargs)
        passed = {given: output[taken] for taken, given in probe.data["carry"].items()}
        past, done = passed.pop(name), done + lengths[step][1]
        arrays = {name: cut(name, x, done, recorded) for name, x in adapter.arrays(output).items()}
        session.report.add(f"{probe.name} static[{step}]", recorded.check(arrays))
        if step == 1:
            steady = caller.traces()
    if steady is not None:
        again = caller.traces() - steady
        session.report.add_flag(probe.name, "traces", again == 0, f"{again} after the first step")


def cut(name, array, length, recorded):
    """The filled part of what a preallocated cache holds of past tokens.

    Of those the reference may keep only the last ones, in reach of a window.
    """
    if not name.startswith("past_key_values.") or "cross" in name:
        return array
    wanted = recorded.expected.get(name)
    kept = min(length, wanted.shape[2]) if wanted is not None else length
    return array[:, :, length - kept : length]


def generate(session, probe):
    """Greedy decoding by a plain loop: the reference's tokens (it recorded only clear choices)."""
    if session.takes(probe):
        first = probe.data.get("first", ())
        sequences = generation.greedy(session, probe.calls[0], first)
        session.report.add(probe.name, probe.calls[0].check({"sequences": sequences}))


def bfloat16(session, probe):
    """The main probe in bfloat16: at most 1.5 times as far off as the reference in bfloat16."""
    of = session.case.probes[probe.of]
    if not session.takes(of):
        return
    adapter, recorded = session.adapter, of.calls[0]
    model, _ = session.load(dtype="bfloat16")
    inputs = adapter.inputs(recorded.inputs(), "bfloat16")
    output = adapter.caller(model, session.form)(inputs, recorded.kwargs)
    arrays = adapter.arrays(output)
    results = []
    # Over a few numbers, as of a loss, the reference's error is luck: it may well be zero. There
    # the measure is its largest error on any case of the architecture.
    largest = largest_bfloat16_error(session.case.folder.parents[1])
    for name, (rms, peak) in probe.errors.items():
        expected = recorded.expected[name]
        if name not in arrays:
            results.append(Result(name, math.inf, 0.0, "missing"))
        elif expected.form == "digest":
            error = expected.error(arrays[name])
            results.append(Result(name, error, BF16_FACTOR * peak))
        else:
            few = expected.values.size <= compare.fill.ENTRIES
            allowed = BF16_FACTOR * (largest if few else rms)
            same = np.shape(arrays[name]) == expected.shape
            error = compare.rms_error(arrays[name], expected.values) if same else math.inf
            results.append(Result(name, error, allowed))
    session.report.add(probe.name, results, counted=False)


def fresh(session, probe):
    """A model that was not loaded: what its parameters begin with, its rates of dropout."""
    adapter, options = session.adapter, session.case.init
    config = session.model_class.config_class.from_dict(probe.config)
    model = adapter.fresh(session.model_class, config, **options)
    state = adapter.state_dict(model)
    trained = {name: np.asarray(state[name], np.float32) for name in session.case.parameters}
    rates = {
        "Dropout": sorted(set(adapter.rates(model, "Dropout")) - {0.0}),
        "DropPath": sorted(rate for rate in adapter.rates(model, "DropPath") if rate),
    }
    session.report.add(probe.name, probe.check_fresh(trained, rates), counted=False)


@cache
def largest_bfloat16_error(folder):
    """The largest rms error in bfloat16 that the reference makes in the cases of a model type."""
    found = [json.loads(path.read_text("utf-8")) for path in folder.glob("*/*/case.json")]
    probes = [probe for data in found for probe in data["probes"]]
    return max(rms for probe in probes for _, rms, _ in probe.get("errors", []))


def checkpoint(session):
    """Loading leaves nothing over; saving gives the reference's file, byte for byte."""
    case, report = session.case, session.report
    model, info = session.load()
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        report.add_flag("load", what, not info[what], str(info[what]))
    every = {weight.name for weight in case.weights}
    saved = {weight.name for weight in case.weights if not weight.tie}
    names = set(session.adapter.state_dict(model))
    report.add_flag("state_dict", "names", names == saved, _difference(names, saved))
    names = set(session.adapter.native_names(model))  # may list a shared tensor twice, or not
    report.add_flag("names", "own", saved <= names <= every, _difference(names, every))
    folder = session.place / "saved"
    model.save_pretrained(folder)
    payload = (folder / "model.safetensors").read_bytes()
    same = hashlib.sha256(payload).hexdigest() == case._weights["sha256"]
    report.add_flag("save", "model.safetensors", same, "not the reference's bytes")
    ours = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    theirs = {key: value for key, value in case.config.items() if key not in NOT_COMPARED}
    report.add_flag("save", "config.json", ours == theirs, _difference(ours, theirs))


def refusals(session):
    """No input is an InputError, or Python's own error; the same one in two ways an InputError."""
    calls = {"no input": {}}
    text = {name: p for p in session.case.probes.values() for c in p.calls for name in c.inputs()}
    if {"input_ids", "inputs_embeds"} <= set(text):
        both = (text[name].calls[0].inputs()[name] for name in ("input_ids", "inputs_embeds"))
        calls["both inputs"] = dict(zip(("input_ids", "inputs_embeds"), both, strict=True))
    for name, inputs in calls.items():
        try:
            session.model(**session.adapter.inputs(inputs))
            note = "accepted"
        except InputError:
            note = ""
        except Exception as error:
            named = isinstance(error, TypeError) and "missing" in str(error) and not inputs
            note = "" if named else f"{type(error).__name__}: {error}"
        session.report.add_flag("refusals", name, not note, note)


def minimal_config(session):
    """A config.json without the keys that repeat a default gives the same model."""
    folder = session.case.write_checkpoint(session.place / "minimal", minimal=True)
    model, _ = session.load(folder)
    same = model.config.to_dict() == session.model.config.to_dict()
    session.report.add_flag("minimal_config", "config", same, "other values")
    probe = next(p for p in session.case.probes.values() if p.kind == "call" and not p.gradients)
    recorded = probe.calls[0]
    inputs = session.adapter.inputs(recorded.inputs())
    output = session.adapter.caller(model, session.form)(inputs, recorded.kwargs)
    session.report.add("minimal_config", recorded.check(session.adapter.arrays(output)))


def _difference(ours, theirs):
    """What two lists of names, or two mappings, do not share."""
    if isinstance(ours, dict):
        keys = ours.keys() | theirs.keys()
        found = sorted(k for k in keys if ours.get(k, "-") != theirs.get(k, "-"))
        return ", ".join(f"{k}: {ours.get(k)!r}, not {theirs.get(k)!r}" for k in found)
    lacking, extra = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    return f"lacks {lacking}, has {extra} besides"
