"""Fill rules: what kind of value each tensor of a model gets, decided once by its module."""

import fnmatch
import math

import torch
from safetensors import safe_open

from .. import fill
from .renaming import saved_name, saved_state

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def _rule(module, leaf, tensor, is_parameter):
    """The fill rule of one tensor: a list, as fill.values takes it, or ["literal"]."""
    if not tensor.is_floating_point():
        return ["literal"]
    if not is_parameter:
        return {
            "running_mean": ["normal", 0.0, 0.2],
            "running_var": ["positive", 0.5, 0.5],
        }.get(leaf, ["literal"])
    kind = type(module).__name__
    if "Norm" in kind and leaf in ("weight", "scale", "gamma"):
        return ["normal", 1.0, 0.1]
    if tensor.ndim <= 1:
        return ["normal", 0.0, 0.1]
    if isinstance(module, torch.nn.Embedding) or leaf not in ("weight", "kernel"):
        return ["normal", 0.0, 0.2]
    fan = tensor.shape[0] if kind == "Conv1D" else math.prod(tensor.shape[1:])
    return ["normal", 0.0, round(min(max(1 / math.sqrt(fan), 0.05), 0.2), 4)]


def saved_names(file):
    """Names and metadata of a safetensors file."""
    with safe_open(file, "pt") as handle:
        return set(handle.keys()), handle.metadata() or {}


def _storage(tensor):
    """What two tensors have in common that are one: buffers may share memory, as parameters do."""
    return (tensor.data_ptr(), tuple(tensor.shape)) if tensor.numel() else id(tensor)


def fill_model(model, seed, saved, overrides, pools):
    """Fill a model in place; the rows of weights.json: [name, shape, dtype, fill, tie]."""
    state = model.state_dict(keep_vars=True)
    parameters = {id(p) for p in model.parameters()}
    owners = {}
    names = {name: saved_name(model, name) for name in state}
    for own, tensor in state.items():
        name = names[own]
        if name in saved:
            if _storage(tensor) in owners:
                other = owners[_storage(tensor)]
                raise SystemExit(f"{name} and {other} are one tensor, saved twice")
            owners[_storage(tensor)] = name
    missing = saved - set(names.values())
    if missing:
        raise SystemExit(f"saved, but not in the state dict: {sorted(missing)}")
    rows = []
    with torch.no_grad():
        for own, tensor in state.items():
            name = names[own]
            shape, dtype = list(tensor.shape), DTYPES[tensor.dtype]
            owner = owners.get(_storage(tensor))
            if owner is None and own in (model._keys_to_ignore_on_save or ()):
                continue  # follows from the configuration
            if owner is None:
                raise SystemExit(f"{name} is neither saved nor shared with a saved tensor")
            if owner != name:
                rows.append([name, shape, dtype, None, owner])
                continue
            path, _, leaf = own.rpartition(".")
            rule = _rule(model.get_submodule(path), leaf, tensor, id(tensor) in parameters)
            for pattern, wanted in overrides.items():
                if fnmatch.fnmatchcase(name, pattern):
                    rule = list(wanted)
            if rule == ["literal"]:
                rule = ["literal", *pools.add(tensor.detach().numpy())]
            else:
                values = torch.from_numpy(fill.values(seed, name, tuple(shape), rule))
                tensor.data.copy_(values.to(tensor.dtype))
            rows.append([name, shape, dtype, rule, None])
    return rows


def trained(model, rows):
    """{saved name: array} of the parameters."""
    names = {row[0] for row in rows if row[4] is None} - set(not_trained(model, rows))
    state = saved_state(model)
    return {row[0]: state[row[0]].numpy() for row in rows if row[0] in names}


def not_trained(model, rows):
    """Saved names that never get a gradient: buffers and frozen parameters."""
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    state = saved_state(model, keep_vars=True)
    return [row[0] for row in rows if row[4] is None and id(state[row[0]]) not in trained]


def padding_rows(model):
    """{embedding weight: row that the reference never trains through the look-up}."""
    return {
        saved_name(model, f"{name}.weight"): module.padding_idx
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None
    }
