"""Saving models of which several names share a tensor that the reference cannot save."""


def one_name_each(model):
    """The state dict with one name for each tensor: the shortest, and of those the first."""
    owners = {}
    state = model.state_dict(keep_vars=True)
    for name in sorted(state, key=lambda name: name.count(".")):
        owners.setdefault(id(state[name]), name)
    kept = set(owners.values())
    return {name: tensor.detach() for name, tensor in state.items() if name in kept}


def save(model, folder):
    """`save_pretrained`, with one name a tensor if the reference refuses to choose one."""
    try:
        model.save_pretrained(folder, safe_serialization=True)
    except RuntimeError as problem:
        if "shared tensors" not in str(problem):
            raise
        state = one_name_each(model)
        model.save_pretrained(folder, safe_serialization=True, state_dict=state)
