"""The calls that are recorded of each class."""

from collections.abc import Callable
from dataclasses import dataclass, field

NEW, OLD = "4.57.6", "4.49.0"
GREEDY = {"do_sample": False}


@dataclass(frozen=True)
class Call:
    """A call to record.

    `side` of the prompt's padding, `rows` of it that are kept, `eos`: so many tokens that end a
    sequence are chosen from what the model says, such that rows end apart. `like` names a call
    whose prompt and arguments are taken, and whose tokens must be given. `tuned`: arguments that
    follow from what the model says without them. `effective`: the arguments must change the tokens.
    `frames`: how many frames of audio each row has. `shows`: whether a Run is worth recording.
    `outputs`: what is recorded beside the sequences. `special`: see generation.Call; `negative` and
    `target` ask for such a prompt, `alone` is what the reference alone is given.
    """

    name: str
    kwargs: dict = field(default_factory=dict)
    side: str = "padded"
    rows: int | None = None
    eos: int = 0
    like: str | None = None
    tuned: Callable | None = None
    effective: bool = False
    outputs: tuple = ()
    special: dict = field(default_factory=dict)
    embeds: bool = False
    frames: tuple = ()
    shows: Callable | None = None
    version: str = NEW
    whole: bool = True  # the record is asked for when recording
    zero_pad: bool = False  # the padding token may be 0 where beams are searched

    @property
    def searches(self):
        """Whether several sequences are followed, so that scores alone do not tell the margin."""
        return self.kwargs.get("num_beams", 1) > 1 or "penalty_alpha" in self.kwargs


BEAMS = {"num_beams": 3, "early_stopping": False}
SCORED = {"return_dict_in_generate": True, "output_scores": True}

EVERY = (
    Call("greedy", eos=1),
    Call("greedy_plain", side="plain", eos=2),
    Call("greedy_uncached", {"use_cache": False}, like="greedy"),
    Call("sample_top_1", {"do_sample": True, "top_k": 1}, like="greedy"),
    Call("beams", {**BEAMS, **SCORED}, eos=1, outputs=("sequences_scores",)),
    Call(
        "beams_returned",
        {"num_beams": 4, "num_return_sequences": 2, "length_penalty": 2.0, "early_stopping": True},
        eos=1,
    ),
    Call(
        "diverse",
        {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.7},
        eos=1,
        version=OLD,
    ),
    Call("contrastive", {"penalty_alpha": 0.6, "top_k": 4}, eos=1, version=OLD),
    Call("single", side="single", rows=1, eos=1),
    Call("prompt_lookup", {"prompt_lookup_num_tokens": 3}, like="single"),
    Call("assisted", like="single", special={"assistant": True}),
)


# XLNet's memory keeps states that have not seen what came since: without it they are made anew.
WITHOUT_MEMORY = (
    Call("greedy_without_memory", {"use_mems": False}, eos=1),
    Call("beams_without_memory", {**BEAMS, **SCORED, "use_mems": False}, eos=1,
         outputs=("sequences_scores",)),
)  # fmt: skip


def processor(name, kwargs, **options):
    """A call that its arguments change."""
    return Call(name, {**GREEDY, **kwargs}, effective=True, **options)
