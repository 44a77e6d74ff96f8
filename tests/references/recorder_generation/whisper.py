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
# Of audio that takes several windows: ten times, which are as many as a window has, made likelier.
FIRST_TIME = 93
LONG = {
    **MULTILINGUAL,
    "alignment_heads": [[0, 1], [1, 2]],
    "no_timestamps_token_id": FIRST_TIME - 1,
    "max_initial_timestamp_index": 3,
    "prev_sot_token_id": 5,
    "suppress_tokens": [2, *LANGUAGES.values(), *TASKS.values()],
    "sequence_bias": [[[token], 2.0] for token in range(FIRST_TIME, FIRST_TIME + 10)],
}
# Without times: else the reference cuts at them all the same, and may never get on.
TEXT = {
    **{name: value for name, value in LONG.items() if name != "sequence_bias"},
    "suppress_tokens": [*LONG["suppress_tokens"], *range(FIRST_TIME, FIRST_TIME + 10)],
}
SILENT = 0.0057  # some windows are more probably silent
WHOLE = {"return_timestamps": False, "return_segments": False}  # one window is all there is
LONGEST = 12  # tokens of a window
ONE, SEVERAL = (70,), (61, 34)  # frames of audio of 18 a window
EARLIER = [5, 30, 31, 32]
TWICE = "num_return_sequences gives the best beam so many times"


def calls():
    """The calls of WhisperForConditionalGeneration beside those of every class."""
    config = {"generation_config": MULTILINGUAL}
    plain = {"whole": False, "special": config}
    eos = {"eos_token_id": 3}
    asked = {**SCORED, **eos}
    stamped = {**asked, "language": "en", "return_timestamps": True}
    once = {**stamped, "force_unique_generate_call": True}
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
        Call("timestamps", once, special=config),
        Call("timestamps_beams", {**once, "num_beams": 2}, special=config),
        # By segments: what comes after a pair of times is transcribed again.
        Call("timestamps_tensor", {**eos, "language": "en", "return_timestamps": True}, **plain),
        *_segmented(),
    )  # fmt: skip


def _segmented():
    """Audio that is gone through window by window."""
    conditioned = {"condition_on_prev_tokens": True}
    prompted = {**conditioned, "prompt_ids": EARLIER}
    every = {**prompted, "prompt_condition_type": "all-segments"}
    judged = {"temperature": [0.0], "logprob_threshold": -1.0}
    timed = {"return_token_timestamps": True}
    again = {"temperature": [0.0, 0.8], "top_k": 1}
    return (
        _long("segments_short", {}, (18,), shows=several_windows),
        _long("segments", {}, ONE),
        _long("segments_rows", {}, SEVERAL),
        _long("segments_tensor", {"return_segments": False}, SEVERAL, outputs=()),
        _long("segments_conditioned", conditioned, ONE),
        _long("segments_conditioned_rows", conditioned, SEVERAL),
        _long("segments_prompt", {"prompt_ids": EARLIER}, ONE),
        _long("segments_prompt_first", prompted, SEVERAL),
        _long("segments_prompt_all", every, SEVERAL),
        _long("segments_beams", {"num_beams": 2, **conditioned}, SEVERAL),
        _long("segments_judged", {**judged, "compression_ratio_threshold": 1.0}, SEVERAL),
        _long("segments_silent", {**judged, "no_speech_threshold": SILENT}, SEVERAL),
        _long("segments_again", {**again, "compression_ratio_threshold": 0.62}, ONE),
        _long("segments_unlikely", {**again, "logprob_threshold": -1.85, **conditioned}, ONE),
        _long("segments_timed", timed, SEVERAL),
        _long("segments_timed_beams", {**timed, "num_beams": 2}, ONE),
        _long("timed", {**timed, **WHOLE}, (18,), outputs=("token_timestamps",)),
        _long("text", WHOLE, (18, 18), outputs=()),
        _long("text_prompt", {**WHOLE, "prompt_ids": EARLIER}, (18, 18), outputs=()),
    )


def _long(name, kwargs, frames, outputs=("segments",), shows=None):
    """A call on audio of so many frames in each row."""
    given = {"language": "en", "return_timestamps": True, "return_segments": True, **kwargs}
    given |= {"eos_token_id": 3, "max_new_tokens": LONGEST}
    given |= {"return_dict_in_generate": None}
    return Call(
        name,
        given,
        side="plain",
        frames=frames,
        shows=(shows or several_segments) if "segments" in outputs else None,
        outputs=outputs,
        special={"generation_config": LONG if given["return_timestamps"] else TEXT},
        whole=False,
    )


def several_segments(found):
    """Whether some row has segments of several windows, and several of one window."""
    return several_windows(found) and any(
        len({_search(segment) for segment in row}) < len(row) for row in found.output["segments"]
    )


def several_windows(found):
    """Whether some row has segments of several windows."""
    rows = found.output["segments"]
    return any(len({_search(segment) for segment in row}) > 1 for row in rows)


def _search(segment):
    """What tells the searches apart that segments come from."""
    result = segment["result"]
    sequences = result["sequences"] if isinstance(result, dict) else result
    return tuple(sequences.tolist())
