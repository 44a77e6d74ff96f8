"""The models of a class: in float32, its float64 twin, and the draft of assisted decoding."""

import inspect
import tempfile
import types
from functools import cached_property
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import GenerationMixin

from .. import case as cases
from .. import generation
from ..recorder import precision, recording
from ..recorder.inputs import Maker

# Arguments that the reference is given alone, with the same tokens to come: RWKV's steps with a
# cache are right for one row only, Mamba's cache stays where beams change places, and GPT-2's has
# no part for a source.
ALONE = {
    "rwkv/RwkvForCausalLM/default": {"use_cache": False},
    "mamba/MambaForCausalLM/default": {"use_cache": False},
    "gpt2/GPT2LMHeadModel/untied": {"use_cache": False},
}


class Session:
    """One recorded case, loaded from its checkpoint.

    `common`: the class prepares inputs as most do, and not in its own way. `mended`:
    what this release of the reference loses on the way is put back. `values`: seed and gain.
    """

    def __init__(self, spec, values, common=False, mended=False):
        self.spec, self.common, self.mended, self.values = spec, common, mended, values
        self.case = cases.load(f"{spec.model_type}/{spec.class_name}/{spec.name}")
        self.alone = ALONE.get(repr(self.case), {})
        self.cls = getattr(transformers, spec.class_name)
        self.maker = Maker(spec, self.cls, self.model.config, generates=True)

    @cached_property
    def models(self):
        """(the model in float32, the same in float64); the second before the first is called, as
        some change their weights then."""
        return self._load(0.0)

    @cached_property
    def drafts(self):
        """The same of a model whose tokens are often those of the model."""
        return self._load(generation.DRAFT_SHARE)

    @property
    def model(self):
        return self.models[0]

    @property
    def encoder_decoder(self):
        return bool(self.model.config.is_encoder_decoder)

    @property
    def inputs_of_call(self):
        """The names that a call takes."""
        return inspect.signature(self.cls.forward).parameters

    def _load(self, share):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "checkpoint"
            generation.write_checkpoint(self.case, folder, *self.values, share)
            model = recording._reload(self.cls, self.spec, folder)
            if self.mended:
                _share(model, self.case, load_file(folder / "model.safetensors"))
        spec = self.spec
        twin = precision.double_model(model, spec.init, spec.twin, spec.initialized)
        return self._prepared(model), self._prepared(twin)

    def _prepared(self, model):
        prepare = model.prepare_inputs_for_generation
        if self.common:
            prepare = types.MethodType(GenerationMixin.prepare_inputs_for_generation, model)
        if self.mended and model.config.is_encoder_decoder:
            prepare = _with_mask(prepare)
        model.prepare_inputs_for_generation = prepare
        return model


def _share(model, case, tensors):
    """Gives all names of a shared tensor its values: some biases that are not in the file are
    taken to be the ones that are."""
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for weight in case.weights:
            if weight.name in state:
                state[weight.name].data.copy_(tensors[weight.tie or weight.name])


def _with_mask(prepare):
    """A way to prepare the inputs of an encoder-decoder that keeps the mask of the source."""

    def prepared(input_ids, attention_mask=None, **kwargs):
        inputs = prepare(input_ids, attention_mask=attention_mask, **kwargs)
        return {"attention_mask": attention_mask, **inputs}

    return prepared
