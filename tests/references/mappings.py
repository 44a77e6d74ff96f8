"""Inputs that are mappings, as cases write them: one name for each entry."""


def mappings(inputs):
    """Those called `name.key` as one mapping called `name`."""
    result = {}
    for name, item in inputs.items():
        whole, dot, key = name.partition(".")
        if dot:
            result.setdefault(whole, {})[key] = item
        else:
            result[name] = item
    return result
