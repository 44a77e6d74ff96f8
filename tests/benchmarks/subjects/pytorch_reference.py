"""The reference in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
from settings import MODELS, inputs

from subjects.memory import measured
from subjects.theirs import configured, model_class


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    found, config = configured("", model, fields)
    fused = MODELS[model].fused and form != "eager attention"
    config._attn_implementation = "sdpa" if fused else "eager"
    network = found(config).eval()
    if form == "compiled":
        network = torch.compile(network)
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
    found, config = configured("", "small-llama", fields, "ForCausalLM")
    model = found(config).eval()
    start = torch.arange(1, prompt + 1)[None]
    options = {"cache_implementation": "static"} if form == "compiled" else {}
    return lambda: model.generate(
        start,
        attention_mask=torch.ones_like(start),
        do_sample=False,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        **options,
    )


def load(model: str, folder: str) -> dict:
    found = model_class("", model)
    return measured(
        lambda: found.from_pretrained(folder),
        lambda model: (parameter.detach().numpy() for parameter in model.parameters()),
    )
