"""Runs a model in one framework; the demo starts one process for each.

python tests/demo/encode.py FRAMEWORK FOLDER sentences.txt OUT.npz     # embeddings of sentences
python tests/demo/encode.py FRAMEWORK FOLDER inputs.npz OUT.npz        # last_hidden_state
"""

import sys
import time
from pathlib import Path

import numpy as np
import triptych


def convert(array, framework):
    """An array as the framework's own, and back with `np.asarray`."""
    if framework != "pytorch":
        return array
    import torch

    return torch.from_numpy(array)


def main(framework, folder, source, target):
    started = time.perf_counter()
    model = triptych.load(folder, framework=framework)
    loaded = time.perf_counter()
    if source.endswith(".txt"):
        sentences = Path(source).read_text(encoding="utf-8").splitlines()
        inputs = dict(triptych.AutoTokenizer.from_pretrained(folder)(sentences))
    else:
        inputs = dict(np.load(source))
    arrays = {name: convert(array, framework) for name, array in inputs.items()}
    hidden = model(**arrays).last_hidden_state
    hidden = np.asarray(hidden.detach() if framework == "pytorch" else hidden)
    seconds = {"load": loaded - started, "run": time.perf_counter() - loaded}
    found = {"last_hidden_state": hidden}
    if source.endswith(".txt"):
        mask = inputs["attention_mask"][..., None]
        pooled = (hidden * mask).sum(axis=1) / mask.sum(axis=1)
        embeddings = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        found = {"embeddings": embeddings, "input_ids": inputs["input_ids"]}
    np.savez(target, class_name=type(model).__name__, **seconds, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
