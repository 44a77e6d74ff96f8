"""Running `generate`, and whether its choices hang on rounding.

A call counts if float32, float64 and two runs with noise in the logits give the same tokens.
"""

import contextlib
import io

import numpy as np
import torch
from transformers import GenerationConfig

from .. import generation
from ..recorder import inputs as _inputs
from ..recorder import precision

NOISE = 1e-5  # of the logits' rms
NOISES = (1, 2)
SEED = 1234
CACHED = {"penalty_alpha", "prompt_lookup_num_tokens", "assistant"}  # which need a cache


class Run:
    """What one call of `generate` gave: sequences [n, length], the record, and what it was made of.

    `start`: tokens of each sequence that the call did not choose.
    """

    def __init__(self, output, start):
        whole = not isinstance(output, torch.Tensor)
        self.output = output if whole else {"sequences": output}
        self.sequences = self.output["sequences"].numpy()
        self.start = start

    @property
    def new(self):
        """Rows of the tokens that were chosen, with what pads them."""
        return self.sequences[:, self.start :].tolist()

    @property
    def times(self):
        """When each token was said, if that was asked for."""
        found = self.output.get("token_timestamps")
        return [] if found is None else found.double().numpy().round(3).tolist()

    def margin(self):
        """The least distance between the best two scores; infinite where one alone is possible."""
        scores = torch.stack(list(self.output["scores"]), 1).double().numpy()
        best = np.sort(scores, axis=-1)[..., -2:]
        with np.errstate(invalid="ignore"):
            gap = best[..., 1] - best[..., 0]
        return float(np.min(gap[np.isfinite(gap)], initial=np.inf))


def run(session, inputs, kwargs, special, *, double=False, noise=None, record=True):
    """The Run of a call; `record`: with the scores, unless it is the tensor alone that counts."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        enter(torch.no_grad())
        enter(contextlib.redirect_stdout(io.StringIO()))
        dtype = torch.float64 if double else torch.float32
        model = session.models[double]
        special = dict(special)
        alone = special.pop("alone", {})
        if not CACHED & {*kwargs, *special}:
            alone = {**session.alone, **alone}
        given = _arguments(session, inputs, kwargs, special, double, dtype) | alone
        if double:
            enter(precision.double())
        if noise is not None:
            enter(_noisy(model, noise))
        if record:
            given |= {"return_dict_in_generate": True, "output_scores": True}
        torch.manual_seed(SEED)
        if "first" in special:
            given |= _continued(model, given, special)
        output = model.generate(**given)
    return Run(output, _start(session, given, output))


def _arguments(session, inputs, kwargs, special, double, dtype):
    given = {**_inputs.to_torch(inputs, dtype), **kwargs}
    if "prompt_ids" in given:
        given["prompt_ids"] = torch.tensor(given["prompt_ids"])
    if "assistant" in special:
        given["assistant_model"] = session.drafts[double]
    if rule := special.get("allowed"):
        given["prefix_allowed_tokens_fn"] = lambda row, tokens: generation.allowed_tokens(
            rule, row, tokens
        )
    if fields := special.get("generation_config"):
        given["generation_config"] = GenerationConfig(**fields)
    return given


def _continued(model, given, special):
    """What a call gets after an earlier one: all tokens so far and more, and its cache."""
    before = {n: x for n, x in given.items() if n not in ("return_dict_in_generate",)}
    first = model.generate(**{**before, **special["first"], "return_dict_in_generate": True})
    ids = torch.cat([first["sequences"], torch.tensor(special["more"])], 1)
    name = "decoder_input_ids" if model.config.is_encoder_decoder else "input_ids"
    result = {name: ids, "past_key_values": first["past_key_values"]}
    if not model.config.is_encoder_decoder and "attention_mask" in given:
        grown = ids.shape[1] - given["attention_mask"].shape[1]
        mask = given["attention_mask"]
        result["attention_mask"] = torch.cat([mask, mask.new_ones((len(ids), grown))], 1)
    return result


def _start(session, given, output):
    if session.encoder_decoder:
        tensor_alone = isinstance(output, torch.Tensor)
        return (
            given["decoder_input_ids"].shape[1]
            if "decoder_input_ids" in given
            else (0 if tensor_alone and session.spec.class_name.startswith("Whisper") else 1)
        )
    return given["input_ids"].shape[1] if "input_ids" in given else 0


@contextlib.contextmanager
def _noisy(model, seed):
    """Inside, the model's logits are changed by a share of their size."""
    generator = torch.Generator().manual_seed(seed)

    def change(module, arguments, output):
        logits = output["logits"]
        size = NOISE * logits.square().mean().sqrt()
        noise = torch.randn(logits.shape, generator=generator, dtype=logits.dtype)
        output["logits"] = logits + size * noise
        return output

    handle = model.register_forward_hook(change)
    try:
        yield
    finally:
        handle.remove()


def agree(session, found, inputs, kwargs, special, record):
    """The float64 Run if it and those with noise give the tokens of `found`, else None."""
    exact = run(session, inputs, kwargs, special, double=True, record=record)
    others = [run(session, inputs, kwargs, special, noise=noise, record=record) for noise in NOISES]
    same = all(
        np.array_equal(other.sequences, found.sequences) and other.times == found.times
        for other in (exact, *others)
    )
    return exact if same else None
