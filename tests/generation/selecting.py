"""Which recorded calls a framework runs.

PyTorch runs all. TensorFlow and Flax compile each call, which takes seconds: the default suite has
a fixed sample of them. TRIPTYCH_GENERATION=all runs everything everywhere.
"""

import os
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Task:
    """Calls of a recorded case, None for all of them; `options`: more arguments for each."""

    model_type: str
    class_name: str
    case: str
    calls: tuple | None = None
    options: dict | None = None

    def __str__(self):
        return f"{self.class_name}-{self.case}"


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
    if framework == "pytorch" or os.environ.get(VARIABLE) == "all":
        return everything
    found = {}
    for task in everything:  # the main case comes first
        found.setdefault(task.class_name, task)
    return [
        Task(found[name].model_type, name, found[name].case, calls)
        for name, calls in SAMPLE.items()
        if name in found
    ]
