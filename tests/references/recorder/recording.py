"""One case from start to end: build, fill, save, check the rebuilt checkpoint, probe, write."""

import contextlib
import hashlib
import io
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from .. import compare, fill
from ..case import FORMAT, Case, fresh_values
from . import configs, filling, precision, running, sharing
from .pools import Pools
from .probing import Prober
from .renaming import saved_state

OWN_LIMIT = 1e-6
OTHER_MODELS = 64


def _quiet():
    return contextlib.redirect_stdout(io.StringIO())


def _rows_to_text(value):
    """JSON with one line for each entry of the long lists."""
    head = json.dumps({k: v for k, v in value.items() if not isinstance(v, list)}, indent=1)
    parts = [head.rstrip()[:-1].rstrip()]
    for key, rows in value.items():
        if isinstance(rows, list):
            lines = ",\n".join("  " + json.dumps(row, separators=(", ", ": ")) for row in rows)
            parts.append(f" {json.dumps(key)}: [\n{lines}\n ]" if rows else f' "{key}": []')
    return ",\n".join(parts) + "\n}\n"


def _save(model, folder):
    with _quiet():
        sharing.save(model, folder)
    return Path(folder) / "model.safetensors"


def _build(spec, pools, folder):
    """A filled model, saved to `folder`, and what weights.json says of it."""
    cls = getattr(transformers, spec.class_name)
    torch.manual_seed(spec.seed)
    with precision.first_values(spec.initialized):
        model = cls(configs.build_config(spec), **spec.init).eval()
    if not spec.initialized:
        model.tie_weights()
    saved, metadata = filling.saved_names(_save(model, folder))
    rows = filling.fill_model(model, spec.seed, saved, spec.fill, pools)
    payload = _save(model, folder).read_bytes()
    weights = {
        "seed": spec.seed,
        "metadata": metadata,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "size": len(payload),
        "tensors": rows,
    }
    return cls, model, weights


def _reload(cls, spec, folder):
    model, info = cls.from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True, **spec.init
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[kind]:
            raise SystemExit(f"{spec.class_name}: reloading reports {kind} {sorted(info[kind])}")
    return model.eval()


def _fresh(spec, cls, rows, plan):
    """The probe of a model that is not loaded, wider than the others: chance has less to say.

    `config`: what its configuration changes, `values`: rows [name, size, *distribution], `rates`:
    those that are not 0, of dropout each once, of stochastic depth for each block.
    """
    torch.manual_seed(spec.seed)
    config = configs.build_config(spec, **spec.fresh)
    changes = configs.changes(config, configs.build_config(spec))
    model = cls(config, **spec.init)
    own = set(saved_state(model))
    if missing := [row[0] for row in rows if not row[4] and row[0] not in own]:
        raise SystemExit(f"fresh: its configuration leaves {', '.join(missing[:3])} out")
    values = _first_values(lambda: cls(config, **spec.init), model, rows)
    paths = [m.drop_prob for m in model.modules() if type(m).__name__.endswith("DropPath")]
    rates = {"Dropout": running.dropout_rates(model, plan), "DropPath": paths}
    return {
        "name": "fresh",
        "kind": "fresh",
        "config": changes,
        "values": [
            [name, size, *(float(f"{number:.6g}") for number in numbers)]
            for name, (size, *numbers) in values.items()
        ],
        "rates": {
            kind: sorted(float(f"{rate:.7g}") for rate in found if rate)
            for kind, found in rates.items()
        },
    }


def _first_values(make, model, rows):
    """fresh_values of a model; those of a few numbers are spread as they are in many models."""
    padding = filling.padding_rows(model)
    values = fresh_values(filling.trained(model, rows), padding)
    few = [
        name
        for name, (size, *numbers) in values.items()
        if size <= fill.ENTRIES and len(numbers) > 1 and name not in padding
    ]
    if few:
        drawn = [filling.trained(make(), rows) for _ in range(OTHER_MODELS)]
        for name in few:
            spread = compare.distribution(np.stack([arrays[name] for arrays in drawn]))
            values[name] = [values[name][0], *spread]
    return values


def record_case(spec, out, versions):
    """Record one case below folder `out`; returns (folder, bytes, skipped probes)."""
    pools = Pools()
    target = Path(out) / spec.model_type / spec.class_name / spec.name
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch) / "checkpoint"
        cls, built, weights = _build(spec, pools, checkpoint)
        model = _reload(cls, spec, checkpoint)
        data = {
            "format": FORMAT,
            "model_type": spec.model_type,
            "class": spec.class_name,
            "case": spec.name,
            "reference": versions,
            "options": spec.options,
            "init": spec.init,
            "minimal_config": spec.minimal_config,
            "padding_rows": filling.padding_rows(built),
            "skipped": {},
            "not_trained": filling.not_trained(built, weights["tensors"]),
        }
        config_text = (checkpoint / "config.json").read_text(encoding="utf-8")
        saved = json.loads(config_text)
        data["default_keys"] = configs.default_keys(spec.config_class, saved, spec.least)
        prober = Prober(spec, model, pools, checkpoint)
        data["probes"] = []
        for name, options in spec.probes.items():
            record = prober.record(name, options)
            if isinstance(record, str):
                data["skipped"][name] = record
            else:
                data["probes"].append(record)
        if spec.fresh:
            plan = next(iter(prober.plans.values()))
            data["probes"].append(_fresh(spec, cls, weights["tensors"], plan))
        fresh = Path(scratch) / "case"
        fresh.mkdir()
        (fresh / "config.json").write_text(config_text, encoding="utf-8")
        (fresh / "weights.json").write_text(_rows_to_text(weights), encoding="utf-8")
        (fresh / "case.json").write_text(_case_text(data), encoding="utf-8")
        pools.write(fresh / "arrays.npz")
        _verify(fresh, checkpoint, Path(scratch) / "rebuilt", prober)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(fresh, target)
    size = sum(file.stat().st_size for file in target.iterdir())
    return target, size, data["skipped"]


def _case_text(data):
    """case.json: outputs one a line."""
    marks = {}

    def mark(rows):
        key = f"@{len(marks)}@"
        marks[f'"{key}"'] = "[\n" + ",\n".join("     " + json.dumps(row) for row in rows) + "]"
        return key

    def walk(value, key=""):
        if isinstance(value, dict):
            if key == "inputs":
                return {name: _one_line(spec, marks) for name, spec in value.items()}
            return {name: walk(inner, name) for name, inner in value.items()}
        if key in ("outputs", "buffers", "errors", "values") and value:
            return mark(value)
        if isinstance(value, list) and all(not isinstance(v, (dict, list)) for v in value):
            return _one_line(value, marks)
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    text = json.dumps(walk(data), indent=1)
    for key, lines in marks.items():
        text = text.replace(key, lines)
    return text + "\n"


def _one_line(value, marks):
    key = f"@{len(marks)}@"
    marks[f'"{key}"'] = json.dumps(value)
    return key


def _verify(folder, checkpoint, scratch, prober):
    """The case as written must give the reference's own files and numbers back."""
    case = Case(folder)
    case.write_checkpoint(scratch)
    for name in ("config.json", "model.safetensors"):
        if (scratch / name).read_bytes() != (checkpoint / name).read_bytes():
            raise SystemExit(f"{case}: rebuilt {name} differs")
    for name, steps in prober.seen.items():
        probe = case.probes[name]
        results = []
        for call, arrays in zip(probe.calls, steps, strict=True):
            results += call.check(arrays)
        if probe.gradients:
            results += probe.gradients.check(prober.gradients[name])
        wrong = [result for result in results if not result.error <= OWN_LIMIT]
        if wrong:
            raise SystemExit(f"{case}: {name} does not agree with itself: {wrong[0]}")


def record_defaults(config_class, out, least):
    """config_defaults/<model_type>.json: the reference's configuration when nothing is given."""
    folder = Path(out) / "config_defaults"
    folder.mkdir(parents=True, exist_ok=True)
    model_type, values = configs.config_defaults(config_class, least)
    text = json.dumps(values, indent=2, sort_keys=True) + "\n"
    (folder / f"{model_type}.json").write_text(text, encoding="utf-8")
