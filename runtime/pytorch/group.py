"""A container without a forward of its own."""

from __future__ import annotations

from torch import nn


class Group(nn.Module):
    """Modules, parameters and buffers that checkpoints name with a common prefix, as attributes."""

    def __init__(this, /, **members: nn.Module | nn.Parameter | nn.Buffer | None):  # noqa: N805
        super().__init__()
        for name, member in members.items():
            if isinstance(member, nn.Parameter):
                this.register_parameter(name, member)
            elif isinstance(member, nn.Buffer):
                this.register_buffer(name, member)
            else:
                this.add_module(name, member)

    def __getitem__(self, index: int) -> nn.Module:
        """The member whose name is a number."""
        return getattr(self, str(index))
