"""Answers of the reference's `generate` to calls by lot: REFERENCE_PYTHON answer_lots.py TASK OUT

TASK is what `tests/generation/lots.py` has written: {salt, cases: [{folder, class, init, inputs}]}.
OUT gets a list of calls: {case: its number, inputs, kwargs, and sequences or refused}.
"""

import json
import random
import sys
import warnings
from pathlib import Path

import torch
import transformers

CALLS = 3  # of each case
SETTINGS = {
    "bad_words_ids": [[[5], [7, 8]]],
    "begin_suppress_tokens": [[9, 10]],
    "cache_implementation": ["static"],
    "early_stopping": [True, "never"],
    "encoder_no_repeat_ngram_size": [2],
    "encoder_repetition_penalty": [1.5],
    "exponential_decay_length_penalty": [[4, 1.4]],
    "forced_eos_token_id": [2],
    "guidance_scale": [1.7],
    "length_penalty": [0.3, 2.0],
    "min_new_tokens": [3],
    "no_repeat_ngram_size": [2, 3],
    "prompt_lookup_num_tokens": [3],
    "renormalize_logits": [True],
    "repetition_penalty": [1.3, 0.8],
    "sequence_bias": [[[[11], 2.0], [[4, 6], -3.0]]],
    "suppress_tokens": [[3, 4, 5, 6]],
    "use_cache": [False],
}
OF_BEAMS = ("early_stopping", "length_penalty")
OF_ONE_BEAM = ("prompt_lookup_num_tokens", "encoder_repetition_penalty")


def main():
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    task = json.loads(Path(sys.argv[1]).read_text())
    found = []
    for number, case in enumerate(task["cases"]):
        model = _load(case)
        lot = random.Random(f"{task['salt']}/{case['class']}/{case['case']}")
        for _ in range(CALLS):
            inputs = case["inputs"] or _prompts(lot, model.config)
            kwargs = _settings(lot, model, len(next(iter(inputs.values()))))
            call = {"case": number, "inputs": inputs, "kwargs": kwargs}
            found.append(call | _answer(model, inputs, kwargs))
    Path(sys.argv[2]).write_text(json.dumps(found))


def _load(case):
    model_class = getattr(transformers, case["class"])
    # other implementations leave options out, such as GPT-2's scale by layer
    options = {"attn_implementation": "eager", **case["init"]}
    return model_class.from_pretrained(case["folder"], **options).eval()


def _prompts(lot, config):
    """One to three texts of one length, some of them padded on the left (before a decoder)."""
    count, length = lot.choice([1, 2, 3]), lot.choice([1, 3, 6, 9])
    size = config.get_text_config().vocab_size
    ids = [[lot.randrange(3, size) for _ in range(length)] for _ in range(count)]
    mask = [[1] * length for _ in ids]
    if lot.random() < 0.5 and length > 2:
        for row in range(1, count):
            for place in range(lot.randrange(length - 1)):
                place = length - 1 - place if config.is_encoder_decoder else place
                mask[row][place], ids[row][place] = 0, config.pad_token_id or 0
    return {"input_ids": ids, "attention_mask": mask}


def _settings(lot, model, rows):
    beams = lot.choice([1, 1, 2, 3])
    names = lot.sample(sorted(SETTINGS), lot.choice([0, 1, 2, 3]))
    kwargs = {"max_new_tokens": lot.choice([4, 8]), "do_sample": False}
    kwargs |= {name: lot.choice(SETTINGS[name]) for name in names}
    without = OF_BEAMS if beams == 1 else OF_ONE_BEAM
    if rows > 1:
        without += ("prompt_lookup_num_tokens",)
    if model.config.is_encoder_decoder:
        without += ("guidance_scale",)
    if model.generation_config.eos_token_id is None or "forced_eos_token_id" in kwargs:
        without += ("exponential_decay_length_penalty",)  # of what does not exist, or is forbidden
    for name in without:
        kwargs.pop(name, None)
    if beams > 1:
        kwargs |= {"num_beams": beams, "num_return_sequences": lot.choice([1, beams])}
    if model.generation_config.pad_token_id is None:
        kwargs["pad_token_id"] = 0
    return kwargs


def _answer(model, inputs, kwargs):
    given = dict(kwargs)
    if "exponential_decay_length_penalty" in given:
        given["exponential_decay_length_penalty"] = tuple(
            kwargs["exponential_decay_length_penalty"]
        )
    tensors = {name: torch.tensor(values) for name, values in inputs.items()}
    try:
        with torch.no_grad():
            return {"sequences": model.generate(**tensors, **given).tolist()}
    except Exception as problem:  # whatever it is, there is no answer
        return {"refused": f"{type(problem).__name__}: {str(problem)[:200]}"}


if __name__ == "__main__":
    main()
