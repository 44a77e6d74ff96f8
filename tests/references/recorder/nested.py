"""Configurations inside configurations: their keys are written `text_config.hidden_size`."""

PART = "_config"  # how the names of fields that hold a configuration end


def is_part(key, value):
    """Is this a configuration inside another?"""
    return key.endswith(PART) and isinstance(value, dict)


def merged(*layers):
    """Later values over earlier ones, within the configurations inside too."""
    result = {}
    for layer in layers:
        for key, value in layer.items():
            both = is_part(key, value) and is_part(key, result.get(key))
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
