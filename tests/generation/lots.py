"""Compares `generate` with the reference's in calls drawn by lot, of every recorded case.

    python -m tests.generation.lots --python REFERENCE_PYTHON [MODEL_TYPE ...]
        --frameworks pytorch,tensorflow,flax  --salt TEXT (another one draws other calls)

What differs on purpose is on the page on generation. Nothing is recorded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from references import case as cases  # noqa: E402
from references import generation  # noqa: E402

PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}
PICTURES_AND_SOUND = ("pixel_values", "input_features")
ANSWERS = TESTS / "references" / "answer_lots.py"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_types", nargs="*", metavar="MODEL_TYPE")
    parser.add_argument("--python", default=os.environ.get("TRIPTYCH_REFERENCE_PYTHON"))
    parser.add_argument("--frameworks", default="pytorch")
    parser.add_argument("--salt", default="0")
    given = parser.parse_args()
    if not given.python:
        parser.error("--python, or TRIPTYCH_REFERENCE_PYTHON, names the reference's Python")
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        task = {"salt": given.salt, "cases": list(_cases(given.model_types, place))}
        (place / "task.json").write_text(json.dumps(task))
        command = [given.python, str(ANSWERS), str(place / "task.json"), str(place / "calls.json")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        calls = json.loads((place / "calls.json").read_text())
        for framework in given.frameworks.split(","):
            counts = _compare(framework, task["cases"], calls)
            print(framework, ", ".join(f"{count} {what}" for what, count in counts.items()))


def _cases(model_types, place):
    """The recorded cases of classes that generate, written as checkpoints below `place`."""
    for model_type, class_name in generation.find():
        if model_types and model_type not in model_types:
            continue
        for recorded in cases.find(model_type, class_name):
            case = cases.load(recorded)
            folder = place / class_name / case.name
            folder.mkdir(parents=True)
            case.write_checkpoint(folder)
            yield {
                "folder": str(folder),
                "class": class_name,
                "case": case.name,
                "init": case.init,
                "inputs": _inputs(case),
            }


def _inputs(case):
    """What is seen or heard, and the text that goes with it; none of a model of text alone."""
    probes = [p for p in case.probes.values() if p.kind == "call" and p.mode == "eval"]
    inputs = probes[0].calls[0].inputs() if probes else {}
    if not any(name in inputs for name in PICTURES_AND_SOUND):
        return {}
    names = PICTURES_AND_SOUND
    if "pixel_values" in inputs:
        names += ("input_ids", "attention_mask")
    return {name: inputs[name].tolist() for name in names if name in inputs}


def _compare(framework, found, calls):
    """How many calls gave the same, and so on; those that did not are printed."""
    counts, model, loaded = Counter(), None, None
    for call in calls:
        case = found[call["case"]]
        if loaded != call["case"]:
            model, loaded = _load(framework, case), call["case"]
        result, text = _verdict(framework, model, call)
        counts[result] += 1
        if text:
            print(f"{framework} {case['class']}-{case['case']} {call['kwargs']}: {result}\n{text}")
    return counts


def _load(framework, case):
    import triptych

    model_class = getattr(triptych, PREFIXES[framework] + case["class"])
    return model_class.from_pretrained(case["folder"], **case["init"])


def _verdict(framework, model, call):
    try:
        sequences = model.generate(**_arrays(framework, call["inputs"]), **call["kwargs"])
    except Exception as problem:  # which the user should see, whatever it is
        if "refused" in call:
            return "refused by both", None
        return "refused", f"  {type(problem).__name__}: {problem}"
    if "refused" in call:
        return "refused by the reference alone", None
    sequences = np.asarray(sequences).tolist()
    if sequences == call["sequences"]:
        return "equal", None
    return "different", f"  reference {call['sequences']}\n  ours      {sequences}"


def _arrays(framework, inputs):
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    arrays = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in arrays.items()}
    if framework == "pytorch":
        import torch

        return {name: torch.from_numpy(x) for name, x in arrays.items()}
    return arrays


if __name__ == "__main__":
    main()
