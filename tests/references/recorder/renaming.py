"""Names in saved files, where the reference saves tensors under others than a model's own."""

import re


def saved_name(model, name):
    """What the file calls a tensor of the model's state dict.

    `_checkpoint_conversion_mapping` leads from saved names to the model's own; saving goes the
    other way round, by the first pattern that is found.
    """
    for old, own in getattr(model, "_checkpoint_conversion_mapping", {}).items():
        renamed, count = re.subn(own, re.sub(r"\(.*\)", "", old.lstrip("^")), name)
        if count:
            return renamed
    return name


def saved_state(model, **options):
    """{saved name: tensor} in the order of the state dict."""
    return {saved_name(model, n): t for n, t in model.state_dict(**options).items()}
