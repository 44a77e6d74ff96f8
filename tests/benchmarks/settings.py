"""What is measured: models, and the inputs of their calls.

Read by workers of every environment: nothing but numpy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LENGTH = 128
SAMPLES = 16000  # a second of sound

Fields = dict[str, Any]
Arrays = dict[str, np.ndarray]


def texts(fields: Fields, batch: int, rng: np.random.Generator) -> Arrays:
    """Random tokens without padding."""
    tokens = rng.integers(2, fields["vocab_size"], (batch, LENGTH), dtype=np.int32)
    return {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}


def pairs_of_texts(fields: Fields, batch: int, rng: np.random.Generator) -> Arrays:
    """What an encoder reads, and what a decoder has written."""
    tokens = rng.integers(2, fields["vocab_size"], (batch, LENGTH // 4), dtype=np.int32)
    return {**texts(fields, batch, rng), "decoder_input_ids": tokens}


def pictures(fields: Fields, batch: int, rng: np.random.Generator) -> Arrays:
    """Random pixels."""
    side = fields["image_size"]
    return {"pixel_values": rng.standard_normal((batch, 3, side, side), dtype=np.float32)}


def captions(fields: Fields, batch: int, rng: np.random.Generator) -> Arrays:
    """Pictures, and texts that end with the highest number."""
    text = fields["text_config"]
    size = (batch, text["max_position_embeddings"])
    tokens = rng.integers(2, text["vocab_size"] - 1, size, dtype=np.int32)
    tokens[:, -1] = text["vocab_size"] - 1
    pixels = pictures(fields["vision_config"], batch, rng)
    return {"input_ids": tokens, "attention_mask": np.ones_like(tokens), **pixels}


def sound(fields: Fields, batch: int, rng: np.random.Generator) -> Arrays:
    """Four seconds of noise."""
    return {"input_values": rng.standard_normal((batch, 4 * SAMPLES), dtype=np.float32)}


@dataclass(frozen=True)
class Model:
    """An architecture, and the fields of its configuration that differ from the defaults."""

    folder: str  # of the generated package
    prefix: str  # of class names
    config: Fields = field(default_factory=dict)
    quick: Fields = field(default_factory=dict)  # what a quick run changes
    inputs: Callable[[Fields, int, np.random.Generator], Arrays] = texts
    output: str = "last_hidden_state"  # waited for
    cached: bool = False  # whether it would keep keys and values unless told not to
    fused: bool = True  # whether the reference has fused attention in PyTorch

    def fields(self, quick: bool = False, **changes: Any) -> Fields:
        """Of the configuration."""
        return {**self.config, **(self.quick if quick else {}), **changes}


BERT = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
# As large as GPT-2: three matrices of 2048 instead of two of 3072.
LLAMA = {
    "vocab_size": 50257,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "intermediate_size": 2048,
    "max_position_embeddings": 1024,
}
SMALL_LLAMA = {
    **LLAMA,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 688,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": None,
}
# 3.1 GB in float32
LARGE_LLAMA = {
    **LLAMA,
    "vocab_size": 32000,
    "hidden_size": 1536,
    "num_hidden_layers": 24,
    "intermediate_size": 4096,
}
SWIN = {
    "image_size": 224,
    "patch_size": 4,
    "num_channels": 3,
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
    "mlp_ratio": 4.0,
}

GPT2 = {
    "vocab_size": 50257,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "n_positions": 1024,
    "initializer_range": 0.1,  # otherwise generated texts repeat one word
}
SMALL_GPT2 = {**GPT2, "n_embd": 256, "n_layer": 4, "n_head": 4}
T5 = {
    "vocab_size": 32128,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 2048,
    "num_layers": 6,
    "num_heads": 8,
}
VIT = {"image_size": 224, "patch_size": 16, "hidden_size": 768, "num_hidden_layers": 12}
WAV2VEC2 = {"hidden_size": 768, "num_hidden_layers": 12}
CLIP = {
    "text_config": {"vocab_size": 49408, "max_position_embeddings": 77, "num_hidden_layers": 12},
    "vision_config": {"image_size": 224, "patch_size": 32, "num_hidden_layers": 12},
}
QUICK_CLIP = {side: {**fields, "num_hidden_layers": 2} for side, fields in CLIP.items()}
MAMBA = {
    "vocab_size": 50280,
    "hidden_size": 768,
    "state_size": 16,
    "num_hidden_layers": 24,
    "expand": 2,
    "time_step_rank": 48,
}

TWO = {"num_hidden_layers": 2}
MODELS = {
    "bert": Model("bert", "Bert", BERT, TWO),
    "roberta": Model("roberta", "Roberta", BERT | {"max_position_embeddings": 514}, TWO),
    "llama": Model("llama", "Llama", LLAMA, TWO, cached=True),
    "small-llama": Model("llama", "Llama", SMALL_LLAMA, {"vocab_size": 5000}, cached=True),
    "large-llama": Model("llama", "Llama", LARGE_LLAMA, TWO, cached=True),
    "gpt2": Model("gpt2", "GPT2", GPT2, {"n_layer": 2}, cached=True),
    "small-gpt2": Model("gpt2", "GPT2", SMALL_GPT2, cached=True),
    "t5": Model("t5", "T5", T5, {"num_layers": 2}, pairs_of_texts, cached=True, fused=False),
    "swin": Model(
        "swin", "Swin", SWIN, {"depths": [2, 2], "num_heads": [3, 6]}, pictures, fused=False
    ),
    "vit": Model("vit", "ViT", VIT, TWO, pictures),
    "wav2vec2": Model("wav2vec2", "Wav2Vec2", WAV2VEC2, TWO, sound),
    "clip": Model("clip", "CLIP", CLIP, QUICK_CLIP, captions, "logits_per_image"),
    "mamba": Model("mamba", "Mamba", MAMBA, TWO, cached=True, fused=False),
}


def inputs(model: str, fields: Fields, batch: int) -> Arrays:
    """The arrays of one call."""
    return MODELS[model].inputs(fields, batch, np.random.default_rng(0))
