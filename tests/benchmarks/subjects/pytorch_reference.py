"""The reference in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
import transformers
from generation_cases import Case
from settings import MODELS, inputs
from timed import Timed

from subjects.generating import timed
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


def save(model: str, fields: dict, folder: str, head: str = "Model") -> None:
    """Writes a checkpoint for all to load."""
    found, config = configured("", model, fields, head)
    torch.manual_seed(0)
    found(config).save_pretrained(folder)


def generate(model: str, folder: str, case: dict, form: str) -> Timed:
    case = Case(**case)
    found = model_class("", model, "LMHeadModel")
    network = found.from_pretrained(folder, dtype=getattr(torch, case.dtype)).eval()
    ids = torch.from_numpy(case.ids()).long()
    given = {"attention_mask": torch.ones_like(ids)}
    if form == "compiled":
        # Elsewhere than on GPUs it does so only for its own tests.
        compilation = transformers.CompileConfig()
        compilation._compile_all_devices = True
        given |= {"cache_implementation": "static", "compile_config": compilation}
    return timed(case, lambda options: network.generate(ids, **given, **options))
