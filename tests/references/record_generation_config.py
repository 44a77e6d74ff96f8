"""Record what the reference's GenerationConfig has, accepts and writes: generation_config.json.

    REFERENCE_PYTHON tests/references/record_generation_config.py

It runs in the environment of requirements.txt, never in the product's.
"""

import json
import tempfile
from pathlib import Path

import transformers
from transformers import GenerationConfig

HERE = Path(__file__).resolve().parent
MODES = [
    {},
    {"do_sample": True},
    {"num_beams": 4},
    {"num_beams": 4, "do_sample": True},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0},
    {"penalty_alpha": 0.6},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"penalty_alpha": 0.6, "top_k": 1},
    {"penalty_alpha": 0.0},
    {"penalty_alpha": 0.6, "do_sample": True},
    {"prompt_lookup_num_tokens": 3},
    {"prompt_lookup_num_tokens": 3, "do_sample": True},
    {"prompt_lookup_num_tokens": 3, "num_beams": 2},
    {"prompt_lookup_num_tokens": 3, "penalty_alpha": 0.6},
]
SETTINGS = [
    {"early_stopping": "always"},
    {"early_stopping": "never", "num_beams": 2},
    {"max_new_tokens": 0},
    {"max_new_tokens": -1},
    {"cache_implementation": "fast"},
    {"cache_implementation": "static"},
    {"cache_implementation": "hybrid"},
    {"num_return_sequences": 2},
    {"num_return_sequences": 2, "do_sample": True},
    {"num_return_sequences": 3, "num_beams": 2},
    {"num_return_sequences": 2, "num_beams": 2},
    {"num_return_sequences": 2, "penalty_alpha": 0.6},
    {"compile_config": 3},
    {"temperature": 0.7},
    {"temperature": 0.7, "do_sample": True},
    {"top_k": 3},
    {"top_p": 0.5},
    {"min_p": 0.1},
    {"typical_p": 0.5},
    {"epsilon_cutoff": 0.1},
    {"eta_cutoff": 0.1},
    {"length_penalty": 2.0},
    {"early_stopping": True},
    {"pad_token_id": -1},
    {"use_cache": False, "cache_implementation": "static"},
    {"output_scores": True},
    {"output_scores": True, "return_dict_in_generate": True},
]
MODELS = [
    ["GPT2Config", {}],
    [
        "GPT2Config",
        {"num_beams": 3, "max_length": 50, "output_hidden_states": True, "pad_token_id": -1},
    ],
    ["BartConfig", {}],
    ["WhisperConfig", {}],
    ["MarianConfig", {}],
    ["T5Config", {}],
]
SAVED = {"max_new_tokens": 5, "eos_token_id": [1, 2], "do_sample": True, "top_k": 7}


def outcome(settings):
    """Whether settings are accepted, accepted with a warning, or an error."""
    try:
        config = GenerationConfig(**settings)
    except ValueError:
        return "error"
    try:
        config.validate(strict=True)
    except ValueError:
        return "warning"
    return "accepted"


def taken_over(name, values):
    """What a model's configuration says of generation."""
    found = GenerationConfig.from_model_config(getattr(transformers, name)(**values))
    return without_version(found.to_diff_dict())


def saved():
    """What a file holds."""
    with tempfile.TemporaryDirectory() as folder:
        GenerationConfig(**SAVED).save_pretrained(folder)
        return json.loads((Path(folder) / "generation_config.json").read_text(encoding="utf-8"))


def without_version(values):
    """All but the version of the software."""
    return {name: value for name, value in values.items() if name != "transformers_version"}


def main():
    """Write the file."""
    transformers.logging.set_verbosity_error()
    facts = {
        "transformers": transformers.__version__,
        "defaults": without_version(GenerationConfig().to_dict()),
        "modes": [[x, GenerationConfig(**x).get_generation_mode().value] for x in MODES],
        "outcomes": [[settings, outcome(settings)] for settings in SETTINGS],
        "from_model_config": [[name, x, taken_over(name, x)] for name, x in MODELS],
        "saved": [SAVED, saved()],
    }
    rows = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in facts.items()]
    text = "{\n" + ",\n".join(rows) + "\n}\n"
    (HERE / "generation_config.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
