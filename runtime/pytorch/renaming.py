"""`state_dict` and `load_state_dict` of modules whose checkpoints have other names than attributes.

Each such module has hooks that change the names of its own attributes only: hooks of modules
further in have run before it when names are written, and run after it when they are read.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..checkpoint import Slot, Transform, stored_tensors
from .arrays import from_numpy, to_numpy
from .weights import derived_tensors, walk


def install_hooks(model: nn.Module) -> None:
    """Gives the state dictionaries of a model, and of its parts, the names of checkpoints."""
    for module in model.modules():
        if getattr(module, "checkpoint_names", None) and not hasattr(module, "renames"):
            module.renames = True
            module.register_state_dict_post_hook(_to_checkpoint)
            module.register_load_state_dict_pre_hook(_from_checkpoint)
        if hasattr(module, "stored_tensors"):
            module.register_state_dict_post_hook(_add_derived)
            module.register_load_state_dict_pre_hook(_drop_derived)


def _add_derived(module: nn.Module, state: dict[str, Tensor], prefix: str, _: Any) -> None:
    state |= {prefix + name: tensor for name, tensor in derived_tensors(module).items()}


def _drop_derived(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    for name in derived_tensors(module):
        state.pop(prefix + name, None)


def _to_checkpoint(module: nn.Module, state: dict[str, Tensor], prefix: str, _: Any) -> None:
    names, slots = _own(module)
    renamed = {name: state.pop(prefix + inner) for inner, name in names.items()}
    values = {inner: state.pop(prefix + inner) for inner in slots}
    stored = stored_tensors(slots.values(), lambda inner: to_numpy(values[inner]))
    device = next((tensor.device for tensor in values.values()), None)
    renamed |= {name: from_numpy(array.__array__()).to(device) for name, array in stored.items()}
    state |= {prefix + name: tensor for name, tensor in renamed.items()}


def _from_checkpoint(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    names, slots = _own(module)
    read = {i: state[prefix + name] for i, name in names.items() if prefix + name in state}
    used = {prefix + names[inner] for inner in read}
    for inner, slot in slots.items():
        keys = [prefix + key for key in slot.stored]
        if all(key in state for key in keys):
            used |= set(keys)
            array = slot.transform.load(lambda key: to_numpy(state[prefix + key]))
            read[inner] = from_numpy(array)
    for key in used:
        del state[key]
    state |= {prefix + inner: tensor for inner, tensor in read.items()}


def _own(module: nn.Module) -> tuple[dict[str, str], dict[str, Slot]]:
    """{inner name: name} of what is only renamed, {inner name: slot} of what is transformed."""
    names: dict[str, str] = {}
    slots: dict[str, Slot] = {}
    for attribute, entry in module.checkpoint_names.items():
        part = getattr(module, attribute, None)
        if part is None:
            continue
        if isinstance(entry, Transform):
            if isinstance(part, Tensor):
                slots[attribute] = Slot(attribute, tuple(part.shape), entry)
            else:
                found = walk(part, f"{attribute}.", outer=entry)
                slots |= {leaf.name: leaf.slot for leaf in found}
        elif isinstance(part, Tensor):
            names[attribute] = entry
        else:
            keys = [key for leaf in walk(part) for key in leaf.slot.stored]
            names |= {f"{attribute}.{key}": f"{entry}.{key}" if entry else key for key in keys}
    return names, slots
