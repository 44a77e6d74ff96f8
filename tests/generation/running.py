"""Runs the recorded calls of a class in one framework and compares tokens, scores and shapes."""

import inspect
import tempfile
import time
import traceback
from functools import cached_property
from pathlib import Path

import numpy as np
from parity import selection
from parity.report import Report
from references import generation
from references.case import flatten

from generation import gaps

SHORT = 300  # characters of an exception that a report keeps
SEED = 7  # of calls that sample among one token


class Session:
    """A recording in one framework, with the models made from it."""

    def __init__(self, adapter, recording, place, options=None):
        self.adapter, self.recording, self.place = adapter, recording, Path(place)
        self.options = options or {}
        folder = selection.folder_of(recording.model_type)
        self.model_class = adapter.model_class(folder, recording.class_name)

    @cached_property
    def model(self):
        """The model that all calls share, as a user's would be."""
        return self._load(self.recording.write_checkpoint(self.place / "model"))

    @cached_property
    def draft(self):
        """The model that proposes tokens."""
        return self._load(self.recording.write_draft(self.place / "draft"))

    def _load(self, folder):
        return self.adapter.load(self.model_class, folder, **self.recording.case.init)[0]

    def run(self, call):
        """{name: array} of what a call returns, as far as it is recorded."""
        given = {**self.adapter.inputs(call.inputs()), **call.kwargs, **self._special(call)}
        given |= self.options
        if "first" in call.special:
            given |= self._continued(call, given)
        return self._arrays(self.model.generate(**given), ("sequences", *call.outputs))

    def _special(self, call):
        result = {"seed": SEED} if call.kwargs.get("do_sample") else {}
        if "assistant" in call.special:
            result["assistant_model"] = self.draft
        if rule := call.special.get("allowed"):
            result["prefix_allowed_tokens_fn"] = lambda row, tokens: generation.allowed_tokens(
                rule, row, tokens
            )
        if fields := call.special.get("generation_config"):
            from triptych import GenerationConfig

            result["generation_config"] = GenerationConfig(**fields)
        return result

    def _continued(self, call, given):
        """All tokens of an earlier call and more, and its cache."""
        options = {**given, **call.special["first"], "return_dict_in_generate": True}
        output = self.model.generate(**options)
        before = self._arrays(output, ("sequences",))["sequences"]
        ids = np.concatenate([before, call.special["more"]], axis=1)
        decoder = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        two = self.recording.case.config.get("is_encoder_decoder")
        tokens = {"decoder_input_ids": ids} if two else decoder
        return {**self.adapter.inputs(tokens), "past_key_values": output["past_key_values"]}

    def _arrays(self, output, names):
        if not hasattr(output, "items"):
            output = {"sequences": output}
        kept = {name: value for name, value in output.items() if name in names}
        return {
            name: np.array(x) if isinstance(x, int | float) else np.asarray(self.adapter.array(x))
            for name, x in flatten(kept).items()
        }


def run(adapter, model_type, class_name, case_name, calls=None, options=None):
    """(Report, {call: seconds}) of a recording: its `calls`, or all.

    `options`: more arguments of `generate`, under which nothing may change.
    """
    report, seconds = Report(), {}
    found = generation.load(model_type, class_name)
    recording = next(found for found in found if found.name == case_name)
    with tempfile.TemporaryDirectory(prefix="generation-") as place:
        try:
            session = Session(adapter, recording, place, options)
            if not inspect.isfunction(getattr(session.model_class, "generate", None)):
                raise AttributeError(f"{class_name} has no generate")
            assert session.model is not None
        except Exception as error:
            return Report.broken("model", _short(error)), seconds
        known = gaps.stated(adapter.name, recording)
        for call in recording.calls:
            if not call.refused and (calls is None or call.name in calls):
                start = time.monotonic()
                try:
                    report.add(call.name, call.check(session.run(call)))
                except Exception as error:  # whatever it is, it is this call's failure
                    report.add_flag(call.name, "error", False, _short(error))
                seconds[call.name] = time.monotonic() - start
                if call.name in known:
                    gaps.take(report, call.name, known[call.name])
    return report, seconds


def _short(error):
    """An exception in one line: its kind, its message, and where in our code it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/generated/" in f.filename or "/runtime/" in f.filename]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:SHORT]}{place}"
