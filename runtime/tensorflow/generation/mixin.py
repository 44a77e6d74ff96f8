"""Models of tf.TensorFlow that continue sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ...generation.mixin import Decoding, WithGenerationConfig

__all__ = ["Decoding", "GenerationMixin"]


class GenerationMixin(WithGenerationConfig):
    """A model that gives scores of the next token, and so can generate."""

    def generate(
        self,
        inputs: tf.Tensor | None = None,
        generation_config: Any = None,
        logits_processor: Sequence[Callable] | None = None,
        stopping_criteria: Sequence[Callable] | None = None,
        prefix_allowed_tokens_fn: Callable[[int, tf.Tensor], list[int]] | None = None,
        assistant_model: Any = None,
        streamer: Any = None,
        negative_prompt_ids: tf.Tensor | None = None,
        negative_prompt_attention_mask: tf.Tensor | None = None,
        tokenizer: Any = None,
        seed: int | None = None,
        jit_compile: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Continues token sequences.

        Args:
            inputs: The prompt: what the model's first input is, such as token ids int[b, s], padded
                on the left where a decoder's prompts have different lengths.
            generation_config: The settings; the model's own `generation_config` by default.
            logits_processor: Functions `(ids int[b, c], scores float[b, v], length) -> scores`,
                after those that the settings ask for; of ids, `length` columns are filled. They are
                traced, as in a `tf.function`.
            stopping_criteria: Functions `(ids, scores) -> bool`, or one bool a row.
            prefix_allowed_tokens_fn: `(row, ids int[s]) -> tokens that may come next`.
            assistant_model: A smaller model that proposes tokens.
            streamer: Gets tokens as they come: an object with `put` and `end`.
            negative_prompt_ids: With `guidance_scale`, the prompt to move away from.
            tokenizer: What turns tokens into text, for `stop_strings`.
            seed: For sampling; without one, TensorFlow's own random state goes on.
            jit_compile: Whether XLA compiles the loop.
            kwargs: Settings (fields of GenerationConfig), and further inputs of the model.

        Returns:
            Sequences int[n, t], prompts included where there is no encoder; with
            `return_dict_in_generate` a record with further fields. Errors are InputErrors and
            ConfigErrors, before any work.
        """
        from ...generation.run import generate
        from .engine import Engine

        disabled = getattr(generation_config, "disable_compile", False)
        compiled = not kwargs.get("disable_compile", disabled)
        return generate(
            Engine(compiled, jit_compile),
            self,
            inputs,
            generation_config,
            logits_processor,
            stopping_criteria,
            prefix_allowed_tokens_fn,
            assistant_model,
            streamer,
            negative_prompt_ids,
            negative_prompt_attention_mask,
            tokenizer,
            seed=seed,
            **kwargs,
        )
