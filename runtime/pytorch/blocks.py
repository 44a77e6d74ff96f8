"""Elements of stacks, which can trade time for memory by gradient checkpointing."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Block(nn.Module):
    """An element of a stack.

    With `checkpointing`, training keeps only its inputs, and runs it again in the backward pass
    (Chen et al. 2016); not with a cache, which must not be written twice.
    """

    checkpointing = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.checkpointing and self.training and torch.is_grad_enabled():
            return self._checkpointed(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def _checkpointed(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("past") is not None:
            return super().__call__(*args, **kwargs)
        run = super().__call__
        taps = kwargs.get("taps")
        if taps is None:
            return checkpoint(run, *args, use_reentrant=False, **kwargs)

        def run_apart(*args: Any, **kwargs: Any) -> tuple[Any, dict]:
            # The second run must not add to the caller's taps once more.
            apart = taps.fresh()
            return run(*args, taps=apart, **kwargs), apart.collected()

        del kwargs["taps"]
        result, collected = checkpoint(run_apart, *args, use_reentrant=False, **kwargs)
        taps.extend(collected)
        return result


def set_checkpointing(model: nn.Module, enabled: bool) -> int:
    """Switches gradient checkpointing in all blocks of a model; returns how many there are."""
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    for block in blocks:
        block.checkpointing = enabled
    return len(blocks)
