"""Case lists (cases/*.yaml), with everything merged that a case has from its list and class.

Nothing of the reference is imported here, so that a test can hold lists against what was recorded.
"""

import difflib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from . import nested

LISTS = Path(__file__).resolve().parent.parent / "cases"


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
    initialized: bool = True
    fresh: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)
    bounds: dict = field(default_factory=dict)
    twin: dict = field(default_factory=dict)
    taps: tuple = ("hidden_states", "attentions")
    least: dict = field(default_factory=dict)  # without which the class makes no configuration


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
    "twin", "bounds", "initialized",
}  # fmt: skip
_CLASS_KEYS = {"config_class", "config", "probes", "inputs", "bounds", "cases"}


def case_list(model_type, path=None):
    """The CaseSpecs of a model type, in the order of its list."""
    path = Path(path) if path else LISTS / f"{model_type.replace('-', '_')}.yaml"
    if not path.exists():
        known = [found.stem for found in LISTS.glob("*.yaml")]
        near = difflib.get_close_matches(path.stem, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SystemExit(f"no case list {path.name} in {path.parent}{hint}")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    specs = []
    seeds = itertools.count()  # for cases that name none: naming one leaves those of others alone
    for class_name, entry in data["classes"].items():
        if unknown := set(entry) - _CLASS_KEYS:
            raise SystemExit(f"{path.name}: {class_name}: unknown {sorted(unknown)}")
        for name, case in entry["cases"].items():
            case = case or {}
            unknown = set(case) - _CASE_KEYS
            if unknown:
                raise SystemExit(f"{path.name}: {class_name}.{name}: unknown {sorted(unknown)}")
            config_class = entry.get("config_class", data["config_class"])
            base = {**data, **data.get("configs", {}).get(config_class, {})}
            if config_class != data["config_class"]:
                base = data["configs"][config_class]
            options = nested.merged(entry.get("config", {}), case.get("config", {}))
            config = nested.merged(base.get("config", {}), options)
            for key in case.get("defaults", []):
                config = nested.without(config, key)
            probes = _probe_map(case.get("probes", entry.get("probes", data.get("probes"))))
            probes.update(_probe_map(case.get("also")))
            for unwanted in case.get("without", []):
                probes.pop(unwanted)
            specs.append(
                CaseSpec(
                    model_type=data["model_type"],
                    config_class=config_class,
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
                    initialized=case.get("initialized", True),
                    fresh={
                        **(base.get("fresh", {}) if case.get("minimal_config") else {}),
                        **case.get("fresh", {}),
                    },
                    twin=case.get("twin", {}),
                    inputs={
                        **data.get("inputs", {}),
                        **entry.get("inputs", {}),
                        **case.get("inputs", {}),
                    },
                    bounds={
                        **data.get("bounds", {}),
                        **entry.get("bounds", {}),
                        **case.get("bounds", {}),
                    },
                    taps=tuple(data.get("taps", CaseSpec.taps)),
                    least=data.get("least", {}),
                )
            )
    return specs
