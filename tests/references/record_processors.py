"""Records what the reference's logits processors make of fixed scores.

    REFERENCE_PYTHON tests/references/record_processors.py

writes processors/cases.json (settings) and processors/arrays.npz (inputs and scores). The settings
go through the reference's own choice of processors, so that their order is recorded too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "processors"
VOCABULARY, ROWS = 24, 4
BASE = {"top_k": 0, "max_length": 10, "eos_token_id": [3]}
SAMPLE = {"do_sample": True}
BEAMS = {"do_sample": True, "num_beams": 2, "eos_token_id": [3, 7]}

# Fields of the configuration; "prompt" is the length of the prompt.
SETTINGS = {
    "nothing": {},
    "sequence_bias_of_one": {"sequence_bias": [[[5], -2.5], [[9], 4.0]]},
    "sequence_bias": {
        "sequence_bias": [[[5], -2.5], [[1, 2], 3.0], [[4, 1, 2], 1.5], [[2, 1], -7.0]]
        + [[[1, 2, 1, 4], 2.25], [[1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1], 9.0]]
    },
    "repetition": {"repetition_penalty": 1.3},
    "repetition_reward": {"repetition_penalty": 0.7},
    "encoder_repetition": {"encoder_repetition_penalty": 1.4},
    "no_repeat_1": {"no_repeat_ngram_size": 1},
    "no_repeat_2": {"no_repeat_ngram_size": 2},
    "no_repeat_3": {"no_repeat_ngram_size": 3},
    "no_repeat_20": {"no_repeat_ngram_size": 20},
    "encoder_no_repeat_1": {"encoder_no_repeat_ngram_size": 1},
    "encoder_no_repeat_2": {"encoder_no_repeat_ngram_size": 2},
    "encoder_no_repeat_3": {"encoder_no_repeat_ngram_size": 3},
    "encoder_no_repeat_8": {"encoder_no_repeat_ngram_size": 8},
    "encoder_no_repeat_beams": {"encoder_no_repeat_ngram_size": 2, "num_beams": 2},
    "bad_words": {"bad_words_ids": [[5], [3], [1, 2], [4, 1, 2], [2, 1], [2, 3]]},
    "bad_words_of_one": {"bad_words_ids": [[5], [0]]},
    "bad_words_of_several": {"bad_words_ids": [[1, 2, 1], [4, 2]], "eos_token_id": None},
    "min_length": {"min_length": 5, "eos_token_id": [3, 7]},
    "min_length_without_end": {"min_length": 5, "eos_token_id": None},
    "min_new_tokens": {"min_new_tokens": 3, "prompt": 2},
    "min_new_tokens_of_all": {"min_new_tokens": 30, "prompt": 2, "eos_token_id": 3},
    "forced_bos": {"forced_bos_token_id": 6},
    "forced_eos": {"forced_eos_token_id": 3},
    "forced_eos_of_two": {"forced_eos_token_id": [3, 8]},
    "remove_invalid": {"remove_invalid_values": True},
    "decay": {"exponential_decay_length_penalty": [1, 1.2], "prompt": 2},
    "decay_of_two": {"exponential_decay_length_penalty": [0, 2.0], "eos_token_id": [3, 7]},
    "decay_down": {"exponential_decay_length_penalty": [0, 0.9], "remove_invalid_values": True},
    "suppress": {"suppress_tokens": [2, 11, 23]},
    "begin_suppress": {"begin_suppress_tokens": [4, 12], "prompt": 2},
    "begin_suppress_one": {"begin_suppress_tokens": [4, 12], "prompt": 1},
    "begin_suppress_forced": {
        "begin_suppress_tokens": [4, 12],
        "prompt": 1,
        "forced_bos_token_id": 6,
    },
    "begin_suppress_forced_later": {
        "begin_suppress_tokens": [4, 12],
        "prompt": 2,
        "forced_bos_token_id": 6,
    },
    "temperature": {**SAMPLE, "temperature": 0.7},
    "top_k_1": {**SAMPLE, "top_k": 1},
    "top_k_5": {**SAMPLE, "top_k": 5},
    "top_k_of_all": {**SAMPLE, "top_k": 100},
    "top_k_beams": {**BEAMS, "top_k": 1},
    "top_p": {**SAMPLE, "top_p": 0.83},
    "top_p_high": {**SAMPLE, "top_p": 0.995},
    "top_p_low": {**SAMPLE, "top_p": 0.01},
    "top_p_none": {**SAMPLE, "top_p": 0.0},
    "top_p_beams": {**BEAMS, "top_p": 0.01},
    "min_p": {**SAMPLE, "min_p": 0.11},
    "min_p_all": {**SAMPLE, "min_p": 0.0},
    "min_p_beams": {**BEAMS, "min_p": 1.0},
    "typical": {**SAMPLE, "typical_p": 0.83},
    "typical_low": {**SAMPLE, "typical_p": 0.05},
    "typical_beams": {**BEAMS, "typical_p": 0.02},
    "epsilon": {**SAMPLE, "epsilon_cutoff": 0.03},
    "epsilon_beams": {**BEAMS, "epsilon_cutoff": 0.9},
    "eta": {**SAMPLE, "eta_cutoff": 0.04},
    "eta_beams": {**BEAMS, "eta_cutoff": 0.9},
    "renormalize": {"renormalize_logits": True},
    "greedy_takes_no_warpers": {"temperature": 0.5, "top_k": 2, "top_p": 0.3, "min_p": 0.2},
    "beams_of_one_end": {**BEAMS, "eos_token_id": [3], "top_k": 1},
    "beams_without_end": {**BEAMS, "eos_token_id": None, "top_k": 1},
    "chain_of_bans": {
        "sequence_bias": [[[1, 2], 3.0], [[6], -1.0]],
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 2,
        "bad_words_ids": [[4, 1]],
        "min_length": 4,
        "prompt": 2,
        "suppress_tokens": [9],
        "begin_suppress_tokens": [10],
        "renormalize_logits": True,
    },
    "chain_of_source": {
        "encoder_repetition_penalty": 0.8,
        "encoder_no_repeat_ngram_size": 2,
        "repetition_penalty": 1.1,
        "remove_invalid_values": True,
        "prompt": 1,
        "forced_bos_token_id": 6,
        "forced_eos_token_id": 3,
        "max_length": 10,
    },
    "chain_of_sampling": {
        **SAMPLE,
        "temperature": 1.7,
        "top_k": 12,
        "top_p": 0.9,
        "min_p": 0.02,
        "typical_p": 0.9,
        "epsilon_cutoff": 0.01,
        "eta_cutoff": 0.02,
        "repetition_penalty": 1.5,
        "min_new_tokens": 4,
        "prompt": 2,
        "renormalize_logits": True,
    },
    "chain_of_beams": {
        **BEAMS,
        "temperature": 0.6,
        "top_k": 2,
        "top_p": 0.2,
        "no_repeat_ngram_size": 3,
        "exponential_decay_length_penalty": [1, 1.3],
        "renormalize_logits": True,
    },
    "prefix": {"prefix": True},
    "prefix_beams": {"prefix": True, "num_beams": 2},
    "own": {**SAMPLE, "own": "reversed", "repetition_penalty": 1.4, "top_k": 4, "temperature": 0.8},
    "own_instead": {"own": "min_length", "min_length": 2, "suppress_tokens": [3]},
    "own_beside": {"own": "min_length", "suppress_tokens": [5]},
}
OWN_MIN_LENGTH = (8, (3, 9))

# Tokens above 14, which is forbidden, are times; "begin" is where transcriptions begin.
TIMES = {
    "times": {"begin": 2},
    "times_of_few": {"begin": 2, "latest_first": 3},
    "times_later": {"begin": 4, "latest_first": 0},
    "times_not_detected": {"begin": 2, "latest_first": 3, "detect": False},
}
END, NO_TIMESTAMPS = 10, 14
HAMMING = {"hamming": {"penalty": 0.75}}


def allowed_tokens(row: int, ids) -> list[int]:
    """An example of a function that lists the tokens that may come next."""
    return [(7 * row + int(ids.sum())) % VOCABULARY, int(ids[-1])]


def make_inputs() -> dict[str, np.ndarray]:
    """Texts `ids.*` [4, t] and `times.*`, scores [n, 4, 24], and ids of a source [4, 6]."""
    random = np.random.default_rng(17)
    shape = (ROWS, VOCABULARY)
    plain = 3 * random.normal(size=shape)
    ties = random.integers(-2, 3, shape).astype(float)
    masked = np.where(random.random(shape) < 0.4, -np.inf, plain)
    single = np.full(shape, -np.inf)
    single[np.arange(ROWS), [0, 3, 11, 23]] = [1.5, -2, 0, 4]
    times = plain.copy()
    times[:, NO_TIMESTAMPS + 1 :] += [[4.0], [-3.0], [1.0], [0.0]]
    small = random.integers(1, 5, (ROWS, 9))
    small[1] = [1, 2, 1, 2, 1, 2, 1, 2, 1]
    small[2, :3] = 0  # padding
    small[3] = [23, 5, 4, 1, 2, 3, 4, 1, 4]
    timed = np.array(
        [
            [1, 2, 15, 4, 5, 16, 16, 3, 3],
            [1, 2, 17, 17, 5, 6, 20, 20, 21],
            [1, 2, 15, 15, 23, 23, 5, 18, 4],
            [1, 2, 3, 4, 15, 16, 5, 6, 22],
        ]
    )
    inputs = {f"ids.{length}": small[:, :length] for length in (1, 2, 3, 7, 9)}
    inputs |= {f"times.{length}": timed[:, :length] for length in range(2, 10)}
    scores = np.stack([plain, ties, masked, single, times]).astype(np.float32)
    invalid = plain.astype(np.float32)
    invalid[0, :3] = [np.nan, np.inf, -np.inf]
    return inputs | {
        "scores": scores,
        "invalid": invalid[None],
        "source": random.integers(1, 6, (ROWS, 6)),
        "chosen": random.integers(0, 5, (ROWS // 2, 3)),
    }


def texts_of(inputs: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    return [x for name, x in inputs.items() if name.startswith(f"{kind}.")]


def scores_of(inputs: dict[str, np.ndarray], settings: dict) -> np.ndarray:
    """The scores that a case gets: broken ones too where they are removed first."""
    if set(settings) == {"remove_invalid_values"}:
        return np.concatenate([inputs["scores"], inputs["invalid"]])
    return inputs["scores"]


def main() -> None:
    import torch
    import transformers
    from transformers import GenerationConfig
    from transformers.generation import logits_process as theirs
    from transformers.generation.utils import GenerationMixin

    class Model(GenerationMixin):
        pass

    class Reversed(theirs.LogitsProcessor):
        def __call__(self, ids, scores):
            return scores.flip(-1)

    torch.distributions.Distribution.set_default_validate_args(False)  # rows without any token
    inputs = make_inputs()

    def processors_of(settings: dict):
        fields = BASE | settings
        prompt = fields.pop("prompt", 1)
        own = {
            "reversed": lambda: [Reversed()],
            "min_length": lambda: [
                theirs.MinLengthLogitsProcessor(OWN_MIN_LENGTH[0], list(OWN_MIN_LENGTH[1]))
            ],
        }.get(fields.pop("own", None), list)()
        prefix = allowed_tokens if fields.pop("prefix", False) else None
        config = GenerationConfig(**fields)
        ends = config.eos_token_id
        ends = [ends] if isinstance(ends, int) else ends
        config._eos_token_tensor = None if ends is None else torch.tensor(ends)
        rows = ROWS // config.num_beams
        return Model()._get_logits_processor(
            config,
            input_ids_seq_length=prompt,
            encoder_input_ids=torch.tensor(inputs["source"][:rows]),
            prefix_allowed_tokens_fn=prefix,
            logits_processor=theirs.LogitsProcessorList(own),
        )

    def record(processors, texts, scores) -> np.ndarray:
        results = [
            processors(torch.tensor(ids), torch.tensor(x)).numpy() for ids in texts for x in scores
        ]
        return np.stack(results).reshape(len(texts), len(scores), ROWS, VOCABULARY)

    arrays = {}
    for name, settings in SETTINGS.items():
        scores = scores_of(inputs, settings)
        arrays[name] = record(processors_of(settings), texts_of(inputs, "ids"), scores)
    for name, settings in TIMES.items():
        config = GenerationConfig(eos_token_id=END)
        config.no_timestamps_token_id = NO_TIMESTAMPS
        config.max_initial_timestamp_index = settings.get("latest_first")
        processor = theirs.WhisperTimeStampLogitsProcessor(
            config, settings["begin"], settings.get("detect", True)
        )
        arrays[name] = record(processor, texts_of(inputs, "times"), inputs["scores"])
    for name, settings in HAMMING.items():
        # Groups of two beams: three earlier ones have chosen, the rest of six is not read.
        chosen = np.concatenate([inputs["chosen"], np.zeros((ROWS // 2, 3), int)], 1)
        processor = theirs.HammingDiversityLogitsProcessor(settings["penalty"], 6, 2)
        processor._num_sub_beams = 3
        scores = np.repeat(inputs["scores"], 3, axis=1)[:, : ROWS // 2 * 3]
        arrays[name] = np.stack(
            [
                processor(None, torch.tensor(x), torch.tensor(chosen.reshape(-1)), 1).numpy()
                for x in scores
            ]
        )

    FOLDER.mkdir(exist_ok=True)
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    cases = {"reference": versions, "base": BASE, "settings": SETTINGS}
    cases |= {"times": TIMES, "end": END, "no_timestamps": NO_TIMESTAMPS, "hamming": HAMMING}
    (FOLDER / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    np.savez_compressed(FOLDER / "arrays.npz", **inputs, **arrays)


if __name__ == "__main__":
    main()
