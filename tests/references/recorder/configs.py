"""Case lists (cases/*.yaml), the tiny configurations they describe, and facts about defaults."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import transformers
import yaml

LISTS = Path(__file__).resolve().parent.parent / "cases"
KEPT_KEYS = ("architectures", "model_type", "transformers_version", "dtype")


@dataclass
class CaseSpec:
    """One case to record, with everything of its list, class and own entry merged."""

    model_type: str
    config_class: str
    class_name: str
    name: str
    config: dict
    options: dict
    init: dict
    seed: int
    probes: dict
    length: int
    size: tuple | None = None
    fill: dict = field(default_factory=dict)
    minimal_config: bool = False
    extra: bool = False
    fresh: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)
    taps: tuple = ("hidden_states", "attentions")


def _probe_map(items):
    """{name: options} of a list whose items are names or single-key mappings."""
    result = {}
    for item in items or []:
        if isinstance(item, str):
            result[item] = {}
        else:
            ((name, options),) = item.items()
            result[name] = dict(options or {})
    return result


_CASE_KEYS = {
    "config", "defaults", "seed", "probes", "also", "without", "length", "size", "fill",
    "init", "minimal_config", "extra", "fresh", "inputs",
}  # fmt: skip


def case_list(model_type, path=None):
    """The CaseSpecs of a model type, in the order of its list."""
    path = Path(path) if path else LISTS / f"{model_type}.yaml"
    if not path.exists():
        raise SystemExit(f"no case list {path.name} in {path.parent}")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    specs = []
    seeds = itertools.count()  # for cases that name none: naming one leaves those of others alone
    for class_name, entry in data["classes"].items():
        for name, case in entry["cases"].items():
            case = case or {}
            unknown = set(case) - _CASE_KEYS
            if unknown:
                raise SystemExit(f"{path.name}: {class_name}.{name}: unknown {sorted(unknown)}")
            options = {**entry.get("config", {}), **case.get("config", {})}
            config = {**data.get("config", {}), **options}
            for key in case.get("defaults", []):
                config.pop(key, None)
            probes = _probe_map(case.get("probes", entry.get("probes", data.get("probes"))))
            probes.update(_probe_map(case.get("also")))
            for unwanted in case.get("without", []):
                probes.pop(unwanted)
            specs.append(
                CaseSpec(
                    model_type=data["model_type"],
                    config_class=data["config_class"],
                    class_name=class_name,
                    name=name,
                    config=config,
                    options=options,
                    init=case.get("init", {}),
                    seed=case["seed"] if "seed" in case else next(seeds),
                    probes=probes,
                    length=case.get("length", data.get("length", 11)),
                    size=case.get("size", data.get("size")),
                    fill={**data.get("fill", {}), **case.get("fill", {})},
                    minimal_config=case.get("minimal_config", False),
                    extra=case.get("extra", False),
                    fresh={
                        **(data.get("fresh", {}) if case.get("minimal_config") else {}),
                        **case.get("fresh", {}),
                    },
                    inputs={
                        **data.get("inputs", {}),
                        **entry.get("inputs", {}),
                        **case.get("inputs", {}),
                    },
                    taps=tuple(data.get("taps", CaseSpec.taps)),
                )
            )
    return specs


def build_config(spec, **changes):
    """The reference's configuration object of a case."""
    config = getattr(transformers, spec.config_class)(**{**spec.config, **changes})
    config._attn_implementation = "eager"
    return config


def changes(config, other):
    """What a configuration has otherwise than another one."""
    values = other.to_dict()
    return {k: v for k, v in config.to_dict().items() if values.get(k) != v}


def config_defaults(config_class):
    """What the reference's configuration holds when nothing is given."""
    values = getattr(transformers, config_class)().to_dict()
    values.pop("transformers_version", None)
    return values


def default_keys(config_class, saved):
    """Keys of a saved config.json that can go without changing what the reference reads."""
    cls = getattr(transformers, config_class)
    defaults = cls().to_dict()
    whole = cls.from_dict(dict(saved)).to_dict()
    dropped = []
    for key, value in saved.items():
        if key in KEPT_KEYS or key not in defaults or defaults[key] != value:
            continue
        rest = {k: v for k, v in saved.items() if k != key and k not in dropped}
        if cls.from_dict(dict(rest)).to_dict() == whole:
            dropped.append(key)
    return dropped
