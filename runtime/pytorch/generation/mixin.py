"""Models of PyTorch that continue sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ...generation.mixin import Decoding, WithGenerationConfig

__all__ = ["Decoding", "GenerationMixin"]

DICTIONARY = "return_dict_in_generate"
PARTS = ("return_segments", "return_token_timestamps")


class GenerationMixin(WithGenerationConfig):
    """A model that gives scores of the next token, and so can generate."""

    def generate(
        self,
        inputs: Tensor | None = None,
        generation_config: Any = None,
        logits_processor: Sequence[Callable] | None = None,
        stopping_criteria: Sequence[Callable] | None = None,
        prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
        assistant_model: Any = None,
        streamer: Any = None,
        negative_prompt_ids: Tensor | None = None,
        negative_prompt_attention_mask: Tensor | None = None,
        tokenizer: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Continues token sequences.

        Args:
            inputs: The prompt: what the model's first input is, such as token ids int[b, s], padded
                on the left where a decoder's prompts have different lengths.
            generation_config: The settings; the model's own `generation_config` by default.
            logits_processor: Functions `(ids int[b, s], scores float[b, v]) -> scores`, after those
                that the settings ask for.
            stopping_criteria: Functions `(ids, scores) -> bool`, or one bool a row.
            prefix_allowed_tokens_fn: `(row, ids int[s]) -> tokens that may come next`.
            assistant_model: A smaller model that proposes tokens.
            streamer: Gets tokens as they come: an object with `put` and `end`.
            negative_prompt_ids: With `guidance_scale`, the prompt to move away from.
            tokenizer: What turns tokens into text, for `stop_strings`.
            seed: For sampling; without one, PyTorch's own random state goes on.
            kwargs: Settings (fields of GenerationConfig), and further inputs of the model.

        Returns:
            Sequences int[n, t], prompts included where there is no encoder; with
            `return_dict_in_generate` a record with further fields. Errors are InputErrors and
            ConfigErrors, before any work.
        """
        from ...generation.run import generate
        from .engine import Engine

        settings = kwargs.get("compile_config", getattr(generation_config, "compile_config", None))
        if settings is True:
            settings = kwargs["compile_config"] = {}
        dictionary = getattr(generation_config or self.generation_config, DICTIONARY)
        # What is handed on may be used in training, which tensors of inference mode may not.
        parts = any(kwargs.get(name) for name in PARTS)
        handed = parts or kwargs.get(DICTIONARY, dictionary)
        inner = torch.no_grad if handed else torch.inference_mode
        place = nullcontext() if self.device.type == "cpu" else self.device
        with inner(), place:
            result = generate(
                Engine.of(settings),
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
        return result.clone() if result.__class__ is Tensor else result
