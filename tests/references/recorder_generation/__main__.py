"""Record: python -m references.recorder_generation [MODEL_TYPE ...] --out DIR [--class C]

Under the newer reference a file is written anew; under the older one, the calls that it alone can
answer are put into the file.
"""

from ..recorder import environment  # isort: skip

import argparse
import json
import time
from pathlib import Path

import transformers

from .. import case as cases
from ..recorder import lists
from . import calls, full, prompts, settling, variety, whisper, writing
from .models import Session

# Cases that are recorded beside the main one.
SECOND = {
    "GPT2LMHeadModel": ("untied",),
    "LlamaForCausalLM": ("llama3",),
    "T5ForConditionalGeneration": ("gated",),
    "BartForConditionalGeneration": ("scaled",),
    "EncoderDecoderModel": ("bart",),
}
FULL = (
    "GPT2LMHeadModel",
    "LlamaForCausalLM",
    "T5ForConditionalGeneration",
    "BartForConditionalGeneration",
)
UNPROBED = ("XLNetLMHeadModel",)  # generates, though its cases have no such probe


def recorded_cases(model_type):
    """{class: CaseSpecs to record, main case first} of a model type."""
    found = {}
    for spec in lists.case_list(model_type):
        if not spec.extra and (spec.class_name in UNPROBED or generates(spec)):
            found.setdefault(spec.class_name, []).append(spec)
    result = {}
    for name, specs in found.items():
        main = next((spec for spec in specs if spec.minimal_config), specs[0])
        second = [spec for spec in specs if spec.name in SECOND.get(name, ())]
        result[name] = [main, *second]
    return result


def generates(spec):
    """Whether a case has a recorded generate probe."""
    case = cases.load(f"{spec.model_type}/{spec.class_name}/{spec.name}")
    return any(probe.kind == "generate" for probe in case.probes.values())


def wanted_calls(session, main):
    """The calls of a case."""
    name = session.spec.class_name
    wanted = calls.EVERY
    if main and name in FULL:
        vocabulary = session.maker.vocabulary()
        wanted += full.calls(vocabulary, not session.encoder_decoder, name.startswith("GPT2"))
    if main and name == "WhisperForConditionalGeneration":
        wanted += whisper.calls()
    if name == "XLNetLMHeadModel":
        wanted += calls.WITHOUT_MEMORY
    return wanted


def unrecorded(session, call):
    """Why the reference's answer is not what the call asks for, where that is known."""
    returned = call.kwargs.get("num_return_sequences", 1) > 1
    if returned and session.spec.class_name == "WhisperForConditionalGeneration":
        return whisper.TWICE
    return None


def record(specs, path, version):
    """Record one class under one version of the reference."""
    if version == calls.NEW:
        data = {"format": 1, "model_type": specs[0].model_type, "class": specs[0].class_name}
        data["cases"] = {}
    else:
        data = json.loads(path.read_text(encoding="utf-8"))
    for spec in specs:
        case = data["cases"].get(spec.name)
        if case is None:
            seed, gain = variety.choose(spec)
            case = {"seed": seed, "gain": gain, "prompts": {}, "calls": []}
        session = Session(spec, (case["seed"], case["gain"]), mended=version == calls.OLD)
        if session.alone:
            case["reference_kwargs"] = session.alone
        known = {call["name"]: call for call in case["calls"]}
        why = None
        if version == calls.OLD:
            session, why = older(session, known)
        wanted, done = wanted_calls(session, spec is specs[0]), {}
        for call in wanted:
            if call.version == version:
                no = why or unrecorded(session, call)
                refused = {"name": call.name, "reference": version, "refused": no}
                known[call.name] = refused if no else settling.settle(session, call, done)
        for name, settled in done.items():
            case["prompts"][known[name]["prompt"]] = prompts.describe(settled.inputs)
        used = {call.get("prompt") for call in known.values()}
        case["prompts"] = {n: p for n, p in case["prompts"].items() if n in used}
        case["calls"] = [known[call.name] for call in wanted if call.name in known]
        data["cases"][spec.name] = case
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(writing.text(data), encoding="utf-8")
    return data


def older(session, known):
    """(Session, None) of the older reference where it gives the newer one's greedy tokens, with
    the common way to prepare inputs if its own forgets positions; (Session, why) where not."""
    if "refused" in known["greedy"]:
        return session, "nor the newer one"
    for common in (False, True):
        other = Session(session.spec, session.values, common, True)
        try:
            if settling.repeats(other, known["greedy"]):
                return other, None
            why = "its greedy tokens are not those of the newer reference"
        except Exception as problem:
            why = settling.reason(problem)
    return session, why


def model_types():
    """All that have a list of cases."""
    return sorted(lists.case_list(path.stem)[0].model_type for path in lists.LISTS.glob("*.yaml"))


def main():
    """Parse the command line and record."""
    parser = argparse.ArgumentParser(prog="recorder_generation")
    parser.add_argument("model_types", nargs="*")
    parser.add_argument("--out", required=True)
    parser.add_argument("--class", dest="class_name")
    given = parser.parse_args()
    version = transformers.__version__
    if version not in (calls.NEW, calls.OLD) or not environment.torch.__version__.startswith(
        environment.VERSIONS["torch"]
    ):
        raise SystemExit(f"no reference environment: transformers {version}")
    for model_type in given.model_types or model_types():
        for class_name, specs in recorded_cases(model_type).items():
            if given.class_name in (None, class_name):
                start = time.monotonic()
                path = Path(given.out) / model_type / f"{class_name}.json"
                data = record(specs, path, version)
                show(path, data, version, time.monotonic() - start)


def show(path, data, version, seconds):
    """One line a class, and one for each refusal."""
    found = [call for case in data["cases"].values() for call in case["calls"]]
    found = [call for call in found if call["reference"] == version]
    size = path.stat().st_size / 1024
    print(f"{version} {path.stem}  {len(found)} calls  {size:.1f} KB  {seconds:.1f} s", flush=True)
    for call in found:
        if "refused" in call:
            print(f"    {call['name']}: {call['refused'][:150]}", flush=True)


if __name__ == "__main__":
    main()
