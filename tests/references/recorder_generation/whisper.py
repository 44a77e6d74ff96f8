"""What audio is asked beside: tokens of language, task and time, and the plain tensor."""

from .calls import BEAMS, GREEDY, SCORED, Call, processor
from .tuning import suppressed, suppressed_first

LANGUAGES = {"<|en|>": 60, "<|de|>": 61, "<|fr|>": 62}
TASKS = {"transcribe": 71, "translate": 70}
MULTILINGUAL = {
    "is_multilingual": True,
    "lang_to_id": LANGUAGES,
    "task_to_id": TASKS,
    "no_timestamps_token_id": 79,
    "decoder_start_token_id": 4,
    "max_initial_timestamp_index": 5,
}
TWICE = "num_return_sequences gives the best beam so many times"


def calls():
    """The calls of WhisperForConditionalGeneration beside those of every class."""
    config = {"generation_config": MULTILINGUAL}
    plain = {"whole": False, "special": config}
    once = {"special": {**config, "alone": {"force_unique_generate_call": True}}}
    eos = {"eos_token_id": 3}
    asked = {**SCORED, **eos}
    stamped = {**asked, "language": "en", "return_timestamps": True}
    return (
        Call("tensor", {**GREEDY}, eos=1, whole=False),
        Call("tensor_beams", {**BEAMS}, eos=1, whole=False),
        processor("suppress", dict(SCORED), tuned=suppressed),
        processor("begin_suppress", dict(SCORED), tuned=suppressed_first),
        Call("language", {**asked, "language": "de", "task": "translate"}, special=config),
        Call("languages", {**asked, "language": ["en", "french"], "task": "transcribe"},
             special=config),
        Call("detected", {**asked, "task": "transcribe"}, special=config),
        Call("language_tensor", {**eos, "language": "<|fr|>"}, **plain),
        Call("language_beams", {**asked, **BEAMS, "language": "en"}, special=config),
        Call("timestamps", stamped, **once),
        Call("timestamps_beams", {**stamped, "num_beams": 2}, **once),
        # By segments: what comes after a pair of times is transcribed again.
        Call("timestamps_tensor", {**eos, "language": "en", "return_timestamps": True}, **plain),
    )  # fmt: skip
