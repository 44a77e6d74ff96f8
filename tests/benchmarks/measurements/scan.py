"""Whether XLA's compile time depends on depth, with and without `scan_layers`."""

from __future__ import annotations

from collections.abc import Iterator

from options import Options
from report import Row, Section
from settings import MODELS
from workers import alternate_once

DEPTHS = (4, 12, 48)
NARROW = {"hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024}
INDEPENDENT = 1.25  # times the seconds of the smallest depth


def measure(options: Options) -> Iterator[Section]:
    if "flax" not in options.frameworks:
        return
    rows = []
    for model, name in (("bert", "BERT"), ("llama", "LLaMA")):
        for scan in (True, False):
            rows += _rows(options, model, name, scan)
    yield Section("XLA's compile time by depth (Flax, 256 wide)", rows)


def _rows(options: Options, model: str, name: str, scan: bool) -> Iterator[Row]:
    tasks = {}
    for depth in DEPTHS:
        fields = MODELS[model].fields(**NARROW, num_hidden_layers=depth, scan_layers=scan)
        fields |= {"num_key_value_heads": 4, "use_cache": False} if model == "llama" else {}
        task = {"model": model, "fields": fields, "batch": 1, "form": "jit"}
        tasks[str(depth)] = (options.product, "flax_ours", "compilation", task)
    found = alternate_once(tasks, options.count(3, 1), ("trace", "compile"))
    least = str(DEPTHS[0])
    for depth in tasks:
        for step, times in found.items():
            judged = scan and step == "compile" and depth != least
            yield Row(
                f"{name}, {depth} layers, {'scanned' if scan else 'unrolled'}: {step}",
                "s",
                times.seconds(depth),
                limit=times.seconds(least),
                limit_ratios=times.ratios(depth, least),
                required=INDEPENDENT if judged else None,
                judged="over_limit",
            )
