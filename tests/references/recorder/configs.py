"""The tiny configurations that case lists describe, and facts about defaults."""

import copy

import transformers

from . import nested

KEPT_KEYS = ("architectures", "model_type", "transformers_version", "dtype")


def build_config(spec, **changes):
    """The reference's configuration object of a case."""
    values = copy.deepcopy(nested.merged(spec.config, changes))  # some classes take parts out
    config = getattr(transformers, spec.config_class)(**values)
    config._attn_implementation = "eager"
    return config


def changes(config, other):
    """What a configuration has otherwise than another one, by dotted keys."""
    values = dict(nested.paths(other.to_dict()))
    found = nested.paths(config.to_dict())
    return {path: value for path, value in found if values.get(path) != value}


def config_defaults(config_class, least):
    """(model type, values): what the reference's configuration holds when nothing is given, or
    only the least that it needs."""
    config = getattr(transformers, config_class)(**copy.deepcopy(least))
    values = config.to_dict()
    for path in [path for path, _ in nested.paths(values)]:
        if path.endswith("transformers_version"):
            values = nested.without(values, path)
    if "_output_attentions" in values:  # a class that shows its own attributes
        values["output_attentions"] = values.pop("_output_attentions")
        for name in ("_attn_implementation_internal", "_commit_hash"):
            values.pop(name, None)
    return config.model_type, values


def default_keys(config_class, saved, least):
    """Keys of a saved config.json that can go without changing what the reference reads."""
    cls = getattr(transformers, config_class)
    defaults = cls(**copy.deepcopy(least)).to_dict()
    whole = cls.from_dict(copy.deepcopy(saved)).to_dict()
    dropped = []
    rest = saved
    usual = dict(nested.paths(defaults))
    for path, value in nested.paths(saved):
        if path.rpartition(".")[2] in KEPT_KEYS or usual.get(path, ...) != value:
            continue
        without = nested.without(rest, path)
        if cls.from_dict(copy.deepcopy(without)).to_dict() == whole:
            rest = without
            dropped.append(path)
    return dropped
