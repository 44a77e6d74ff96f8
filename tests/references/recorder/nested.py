"""Configurations inside configurations: their keys are written `text_config.hidden_size`."""

PART = "_config"  # how the names of fields that hold a configuration end; others say their type

KIND = "model_type"


def is_part(key, value):
    """Is this a configuration inside another?"""
    return isinstance(value, dict) and (key.endswith(PART) or KIND in value)


def merged(*layers):
    """Later values over earlier ones, within the configurations inside too; of those that are of
    another architecture nothing stays."""
    result = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and is_part(key, result.get(key))
            both = both and value.get(KIND, result[key].get(KIND)) == result[key].get(KIND)
            result[key] = merged(result[key], value) if both else value
    return result


def without(config, path):
    """A copy that lacks one key."""
    key, _, rest = path.partition(".")
    if rest and key in config:
        return {**config, key: without(config[key], rest)}
    return {k: v for k, v in config.items() if k != key}


def paths(config, prefix=""):
    """(dotted key, value) of all that is no configuration itself."""
    for key, value in config.items():
        if is_part(key, value):
            yield from paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def value_at(config, path):
    """The value of a dotted key; a KeyError if there is none."""
    for key in path.split("."):
        config = config[key]
    return config
