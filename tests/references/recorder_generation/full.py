"""Every processor end to end, and the forms of input and output: the calls of a few classes."""

from . import tuning
from .calls import BEAMS, GREEDY, OLD, SCORED, Call, processor

SEARCH = {"num_beams": 3}
ASKED = {
    **SCORED,
    "output_logits": True,
    "output_hidden_states": True,
    "output_attentions": True,
}
DECODER = ("hidden_states", "attentions")
BOTH = (
    "encoder_hidden_states",
    "encoder_attentions",
    "decoder_hidden_states",
    "decoder_attentions",
    "cross_attentions",
)
DECAY = {"exponential_decay_length_penalty": [2, 1.6]}


def calls(vocabulary, decoder_only, absolute):
    """The calls beside those of every class.

    `absolute`: the class has positions in a table, not distances.
    """
    rule = {"vocabulary": vocabulary, "modulo": 3}
    own = _decoder(absolute) if decoder_only else _encoder_decoder()
    return (*_greedy(rule), *_beams(rule), *_forms(decoder_only), *own)


def _greedy(rule):
    return (
        processor("repetition_penalty", {"repetition_penalty": 1.5}),
        Call("repetition_bonus", {**GREEDY, "repetition_penalty": 0.7}),
        processor("encoder_repetition_penalty", {"encoder_repetition_penalty": 2.5}),
        processor("no_repeat_ngram", {"no_repeat_ngram_size": 2}),
        processor("no_repeat_token", {"no_repeat_ngram_size": 1}),
        processor("encoder_no_repeat_ngram", {"encoder_no_repeat_ngram_size": 1}),
        processor("bad_words", {}, tuned=tuning.words, side="plain"),
        processor("sequence_bias", {}, tuned=tuning.bias, side="plain"),
        processor("min_new_tokens", {"min_new_tokens": 6}, eos=1),
        processor("forced_eos", {}, tuned=tuning.forced_last),
        processor("suppress", {}, tuned=tuning.suppressed),
        processor("begin_suppress", {}, tuned=tuning.suppressed_first),
        processor("exponential_decay", DECAY, eos=1),
        processor("allowed", {}, special={"allowed": rule}),
        Call("remove_invalid_values", {**GREEDY, "remove_invalid_values": True}),
        Call("eos_list", GREEDY, eos=3),
        processor(
            "several",
            {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "min_new_tokens": 4},
            eos=1,
        ),
    )


def _beams(rule):
    never = {**SEARCH, "early_stopping": "never"}
    penalty = {**SEARCH, "repetition_penalty": 1.5}
    return (
        Call("length_penalty_negative", {**BEAMS, "length_penalty": -1.0}, eos=1),
        Call("early_stopping_never", never, eos=1),
        Call("never_length_penalty", {**never, "length_penalty": -1.0}, eos=1),
        processor("beams_repetition_penalty", penalty),
        processor("beams_no_repeat_ngram", {**SEARCH, "no_repeat_ngram_size": 2}, eos=1),
        processor("beams_encoder_no_repeat", {**SEARCH, "encoder_no_repeat_ngram_size": 1}),
        processor("beams_bad_words", SEARCH, tuned=tuning.words, eos=1),
        processor("beams_sequence_bias", SEARCH, tuned=tuning.bias),
        processor("beams_min_new_tokens", {**SEARCH, "min_new_tokens": 6}, eos=1),
        processor("beams_forced_eos", SEARCH, tuned=tuning.forced_last),
        processor("beams_suppress", SEARCH, tuned=tuning.suppressed),
        processor("beams_allowed", SEARCH, special={"allowed": rule}),
        processor("beams_exponential_decay", {**SEARCH, **DECAY}, eos=1),
        processor("beams_renormalized", {**penalty, "renormalize_logits": True}),
        Call("beams_plain", SEARCH, side="plain"),
        Call("beams_zero_pad", {**BEAMS, "pad_token_id": 0}, eos=1, zero_pad=True),
        Call("beams_single", BEAMS, side="single", rows=1, eos=1),
        Call("beams_uncached", {"use_cache": False}, like="beams"),
        Call(
            "diverse_returned",
            {
                "num_beams": 6,
                "num_beam_groups": 3,
                "diversity_penalty": 1.5,
                "num_return_sequences": 4,
                "repetition_penalty": 1.2,
            },
            eos=1,
            version=OLD,
        ),
    )


def _forms(decoder_only):
    """Other inputs, and what else is returned."""
    outputs = ("scores", "logits", *(DECODER if decoder_only else BOTH))
    scored = {**SCORED, "repetition_penalty": 1.5}
    beams = ("sequences_scores", "beam_indices")
    return (
        processor("min_length", {"min_length": 12 if decoder_only else 6}, eos=1),
        Call(
            "max_length",
            {"max_length": 13 if decoder_only else 8, "max_new_tokens": None},
            eos=1,
        ),
        Call("one_token", {"max_new_tokens": 1}),
        Call("renormalized", {**scored, "renormalize_logits": True}, outputs=("scores",)),
        Call(
            "scores_processed",
            {**scored, "output_logits": True, "no_repeat_ngram_size": 2},
            outputs=("scores", "logits"),
        ),
        Call("embeds", GREEDY, embeds=True, eos=1),
        Call("embeds_beams", BEAMS, embeds=True, eos=1),
        Call("outputs", ASKED, side="plain", eos=1, outputs=outputs),
        Call("outputs_beams", {**ASKED, **BEAMS}, eos=1, outputs=(*beams, *outputs)),
        Call(
            "continued",
            {**GREEDY, "max_new_tokens": 5},
            side="plain",
            special={"first": {"max_new_tokens": 4}, "more": [[9, 17], [23, 8]]},
        ),
        Call(
            "contrastive_single",
            {"penalty_alpha": 0.4, "top_k": 3, "repetition_penalty": 1.3},
            side="single",
            rows=1,
            version=OLD,
        ),
    )


def _decoder(absolute):
    """What decoders alone have. With beams, the reference leaves the unconditional text of
    guidance in its place when beams change theirs; of a padded one it forgets the positions."""
    guided = {"guidance_scale": 1.5}
    padded = {"guidance_scale": 2.5}
    found = [
        Call("forced_bos_unused", {**GREEDY, "forced_bos_token_id": 7}, side="plain"),
        processor("guidance", guided, side="plain"),
        processor("guidance_negative", guided, side="plain", special={"negative": False}),
    ]
    if not absolute:
        special = {"negative": True}
        found.append(processor("guidance_negative_masked", padded, side="plain", special=special))
    return found


def _encoder_decoder():
    """What takes a source: its target may begin with tokens."""
    return (
        processor("forced_bos", {}, tuned=tuning.forced),
        Call("decoder_prompt", GREEDY, eos=1, special={"target": True}),
    )
