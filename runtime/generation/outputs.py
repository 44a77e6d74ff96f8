"""What `generate` returns with return_dict_in_generate=True.

Tuples have one item per step; those of attentions and hidden states hold tuples of one item per
layer. Rows are n = b * num_return_sequences, and b * num_beams in the scores of beams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..outputs import ModelOutput


@dataclass
class GenerateDecoderOnlyOutput(ModelOutput):
    """Of a decoder, without beams."""

    sequences: Any = None  # int[n, s]
    scores: tuple | None = None  # float[n, vocab_size] each, after all processors
    logits: tuple | None = None  # float[n, vocab_size] each, as the model gave them
    attentions: tuple | None = None  # float[n, heads, q, k]
    hidden_states: tuple | None = None  # float[n, q, hidden_size]
    past_key_values: Any = None


@dataclass
class GenerateEncoderDecoderOutput(ModelOutput):
    """Of an encoder and a decoder, without beams."""

    sequences: Any = None  # int[n, s]
    scores: tuple | None = None
    logits: tuple | None = None
    encoder_attentions: tuple | None = None  # one per layer
    encoder_hidden_states: tuple | None = None  # one per layer
    decoder_attentions: tuple | None = None
    cross_attentions: tuple | None = None
    decoder_hidden_states: tuple | None = None
    past_key_values: Any = None


@dataclass
class GenerateBeamDecoderOnlyOutput(ModelOutput):
    """Of a decoder, with beams."""

    sequences: Any = None  # int[n, s]
    sequences_scores: Any = None  # float[n]: the sums of log-probabilities that were compared
    scores: tuple | None = None
    logits: tuple | None = None
    beam_indices: Any = None  # int[n, new]: the row each token came from, -1 where there is none
    attentions: tuple | None = None
    hidden_states: tuple | None = None
    past_key_values: Any = None


@dataclass
class GenerateBeamEncoderDecoderOutput(ModelOutput):
    """Of an encoder and a decoder, with beams."""

    sequences: Any = None  # int[n, s]
    sequences_scores: Any = None  # float[n]
    scores: tuple | None = None
    logits: tuple | None = None
    beam_indices: Any = None  # int[n, new]
    encoder_attentions: tuple | None = None
    encoder_hidden_states: tuple | None = None
    decoder_attentions: tuple | None = None
    cross_attentions: tuple | None = None
    decoder_hidden_states: tuple | None = None
    past_key_values: Any = None


@dataclass
class TranscriptionOutput(ModelOutput):
    """Of audio that was transcribed window by window.

    `segments`: for each row a list of {start, end, tokens, idxs, result}: seconds, the tokens
    int[s], where they stand in the sequences of the search that found them, and its output.
    """

    sequences: Any = None  # int[n, s], without the first tokens and the last one
    segments: list | None = None
    token_timestamps: Any = None  # float[n, s], in seconds


@dataclass
class SampleTSPredictionOutput(ModelOutput):
    """Of a model that draws values to come."""

    sequences: Any = None  # float32[b, samples, ...]


def record_class(is_encoder_decoder: bool, beams: bool) -> type[ModelOutput]:
    """The record of a kind of model and of search."""
    if is_encoder_decoder:
        return GenerateBeamEncoderDecoderOutput if beams else GenerateEncoderDecoderOutput
    return GenerateBeamDecoderOnlyOutput if beams else GenerateDecoderOnlyOutput
