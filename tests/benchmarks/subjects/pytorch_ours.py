"""Generated PyTorch models."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
import triptych.pytorch as framework
from generation_cases import Case
from settings import inputs
from timed import Timed

from subjects.generating import timed
from subjects.memory import measured
from subjects.ours import configured, model_class


def _model(model: str, fields: dict, head: str = "Model"):
    found, config = configured("", model, fields, head)
    return found(config).eval()


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    network = _model(model, fields)
    if form == "eager attention":
        network.config.attn_implementation = "eager"
    if form == "compiled":
        network = framework.compile(network)
    arrays = {
        name: torch.from_numpy(x).long() if x.dtype.kind == "i" else torch.from_numpy(x)
        for name, x in inputs(model, fields, batch).items()
    }
    return torch.no_grad()(lambda: network(**arrays))


def compilation(model: str, fields: dict, batch: int, form: str) -> dict:
    start = perf_counter()
    forward(model, fields, batch, "eager")()
    eager = perf_counter() - start
    start = perf_counter()
    forward(model, fields, batch, "compiled")()
    return {"compile": perf_counter() - start - eager}


def decode(fields: dict, prompt: int, tokens: int, form: str) -> Callable[[], object]:
    model = _model("small-llama", fields, "ForCausalLM")
    start = torch.arange(1, prompt + 1)[None]
    call = framework.compile(model) if form == "compiled" else model
    capacity = None if form == "growing" else prompt + tokens

    def run() -> list[int]:
        cache = model.init_cache(1, capacity)
        new, found = start, []
        for _ in range(tokens):
            output = call(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1)
            new = output.logits[:, -1].argmax(-1, keepdim=True)
            found.append(int(new))
        return found

    return torch.no_grad()(run)


def save(model: str, fields: dict, folder: str, head: str = "Model") -> dict:
    """Writes a checkpoint for all to load."""
    network = _model(model, fields, head)
    network.save_pretrained(folder, max_shard_size="50GB")
    return {"parameters": network.num_parameters()}


def load(model: str, folder: str) -> dict:
    found = model_class("", model)
    return measured(
        lambda: found.from_pretrained(folder),
        lambda model: (parameter.detach().numpy() for parameter in model.parameters()),
    )


def generate(model: str, folder: str, case: dict, form: str) -> Timed:
    case = Case(**case)
    network = model_class("", model, "LMHeadModel").from_pretrained(folder, dtype=case.dtype)
    ids = torch.from_numpy(case.ids()).long()
    given = {"attention_mask": torch.ones_like(ids)}
    if form != "dynamic":
        given["cache_implementation"] = "static"
    if form == "optimized":
        framework.optimize(network)
    if form == "compiled":
        given["compile_config"] = {}
    return timed(case, lambda options: network.generate(ids, **given, **options))
