"""Which recorded calls a framework runs.

PyTorch runs all. TensorFlow and Flax compile each call, which takes seconds: the default suite has
a fixed sample of them. TRIPTYCH_GENERATION=all runs everything everywhere.
"""

import os
from dataclasses import dataclass, replace

from references import generation

VARIABLE = "TRIPTYCH_GENERATION"
# What compiled frameworks run in the default suite: {class: calls of its main case, None for all}.
SAMPLE = {
    "GPT2LMHeadModel": ("greedy", "beams", "diverse", "contrastive", "prompt_lookup", "several"),
    "T5ForConditionalGeneration": ("greedy", "beams_returned", "assisted"),
    "LlamaForCausalLM": ("greedy", "guidance_negative"),
    "BartForConditionalGeneration": ("beams", "forced_bos"),
    "WhisperForConditionalGeneration": ("language", "segments_conditioned_rows"),
    "LlavaForConditionalGeneration": ("greedy",),
    "MambaForCausalLM": ("greedy",),
    "RwkvForCausalLM": ("greedy",),
    "XLNetLMHeadModel": ("greedy",),
    "EncoderDecoderModel": ("greedy",),
}
# Classes whose tokens may not change, in any framework, where prompts of six are read in chunks.
CHUNKED = ("LlamaForCausalLM", "MistralForCausalLM", "MambaForCausalLM")
IN_CHUNKS = {"calls": ("greedy", "greedy_plain"), "options": {"prefill_chunk_size": 4}}


@dataclass(frozen=True)
class Task:
    """Calls of a recorded case, None for all of them; `options`: more arguments for each."""

    model_type: str
    class_name: str
    case: str
    calls: tuple | None = None
    options: dict | None = None

    def __str__(self):
        options = "".join(f"-{name}" for name in self.options or ())
        return f"{self.class_name}-{self.case}{options}"


def tasks(model_types=()):
    """All calls of all recordings, or those of some model types."""
    return [
        Task(model_type, class_name, recording.name)
        for model_type, class_name in generation.find()
        if not model_types or model_type in model_types
        for recording in generation.load(model_type, class_name)
    ]


def suite(framework):
    """What the default suite runs in a framework."""
    everything = tasks()
    main = {}
    for task in everything:  # the main case comes first
        main.setdefault(task.class_name, task)
    chunked = [replace(main[name], **IN_CHUNKS) for name in CHUNKED]
    if framework == "pytorch" or os.environ.get(VARIABLE) == "all":
        return everything + chunked
    sample = [replace(main[name], calls=calls) for name, calls in SAMPLE.items()]
    return sample + chunked
