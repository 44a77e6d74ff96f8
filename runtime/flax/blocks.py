"""Stacks of blocks: gradient checkpointing, and loops that can be compiled as a scan."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from .base import scans_layers
from .cache import Cache, Slots, with_past
from .taps import NO_TAPS, Taps


class Block(nnx.Module):
    """Base of what stacks are made of.

    With `checkpointing`, in training and without a cache, a call keeps nothing but its
    inputs for the backward pass, which computes the rest again.
    """

    checkpointing = False
    deterministic = True  # set by nnx's train() and eval()

    @property
    def training(self) -> bool:
        """Whether the block is in training mode."""
        return not self.deterministic

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "__call__" in vars(cls):
            cls.__call__ = _checkpointable(cls.__call__)


def blocks_of(model: nnx.Module) -> list[Block]:
    """All blocks in a model."""
    return [module for _, module in nnx.iter_modules(model) if isinstance(module, Block)]


def set_checkpointing(model: nnx.Module, enabled: bool) -> int:
    """Switches gradient checkpointing in all blocks of a model; returns how many there are."""
    blocks = blocks_of(model)
    for block in blocks:
        block.checkpointing = enabled
    return len(blocks)


def _checkpointable(forward: Callable) -> Callable:
    @functools.wraps(forward)
    def call(self: Block, *args: Any, past: Slots | None = None, **kwargs: Any) -> Any:
        if past is not None:
            return forward(self, *args, past=past, **kwargs)
        if not self.checkpointing or not self.training:
            return forward(self, *args, **kwargs)
        return _checkpointed(forward, self, args, kwargs)

    return call


def _checkpointed(forward: Callable, block: Block, args: tuple, kwargs: dict) -> Any:
    """Runs on a copy of the block; taps and random state come back as results."""
    taps = kwargs.get("taps", NO_TAPS)
    graphdef, params, rest = nnx.split(block, nnx.Param, ...)

    @jax.checkpoint
    def run(params: nnx.State, rest: nnx.State, dynamic: list) -> tuple:
        copy = nnx.merge(graphdef, params, rest)
        args, kwargs = restore(dynamic)
        inner = taps.fresh()
        if "taps" in kwargs:
            kwargs["taps"] = inner
        result = forward(copy, *args, **kwargs)
        return result, inner.collected(), nnx.state(copy, nnx.Not(nnx.Param))

    dynamic, restore = _arrays_apart((args, kwargs))
    result, collected, rest = run(params, rest, dynamic)
    nnx.update(block, rest)
    taps.extend(collected)
    return result


def _arrays_apart(tree: Any) -> tuple[list, Callable[[list], Any]]:
    """The arrays in a tree, and a function that puts others in their places."""
    leaves, structure = jax.tree.flatten(tree)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]

    def restore(arrays: list) -> Any:
        filled = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        return jax.tree.unflatten(structure, filled)

    return [leaves[i] for i in places], restore


class Stack(nnx.Module):
    """The blocks of a loop.

    Under `config.scan_layers`, blocks that differ in nothing but their values are stored in the
    first of them, `block`, whose arrays get one more axis in front; otherwise in a list, `blocks`.
    """

    def __init__(self, blocks: Sequence[nnx.Module]):
        blocks = list(blocks)
        self.count = len(blocks)
        if scans_layers() and len({_form(block) for block in blocks}) == 1:
            stacked = jax.tree.map(_stacked, *(nnx.state(block) for block in blocks))
            self.block = blocks[0]
            nnx.update(self.block, stacked)
        else:
            self.blocks = nnx.List(blocks)

    @property
    def scanned(self) -> bool:
        """Whether the blocks are stored for a scan."""
        return "block" in vars(self)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> nnx.Module:
        """One block; a copy if they are stored for a scan."""
        if not self.scanned:
            return self.blocks[index]
        if not -self.count <= index < self.count:
            raise IndexError(index)
        graphdef, state = nnx.split(self.block)
        return nnx.merge(graphdef, jax.tree.map(lambda array: array[index], state))

    def __iter__(self) -> Iterator[nnx.Module]:
        return (self[index] for index in range(self.count))


def _form(block: nnx.Module) -> tuple:
    """What is equal for blocks that differ in nothing but their values."""
    graphdef, state = nnx.split(block)
    return graphdef, tuple((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state))


def _stacked(*arrays: Any) -> Any:
    first = arrays[0]
    if isinstance(first, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct((len(arrays), *first.shape), first.dtype)
    return jnp.stack(arrays)


def fold(
    step: Callable[[Any, nnx.Module, Slots | None, Taps], Any],
    carry: Any,
    blocks: Stack | Iterable[nnx.Module],
    *,
    past: Cache | None = None,
    taps: Taps = NO_TAPS,
) -> Any:
    """carry = step(carry, block, slots, taps) for one block after another.

    For blocks that are stored for it the loop is one `jax.lax.scan`, which is compiled once,
    whatever its length.
    """
    if isinstance(blocks, Stack) and blocks.scanned:
        return _scan(step, carry, blocks, past, taps)
    for block, slots in with_past(blocks, past):
        carry = step(carry, block, slots, taps)
    return carry


def _scan(step: Callable, carry: Any, blocks: Stack, past: Cache | None, taps: Taps) -> Any:
    graphdef, params, rest = nnx.split(blocks.block, nnx.Param, ...)
    slots = None if past is None else jax.tree.map(lambda *xs: jnp.stack(xs), *past.slots)

    def body(carry: Any, layer: tuple) -> tuple:
        params, rest, slots = layer
        block = nnx.merge(graphdef, params, rest)
        inner = taps.fresh()
        if slots is not None:
            Cache([slots], past.length, past.capacity)  # the slots belong to it now
        carry = step(carry, block, slots, inner)
        return carry, (nnx.state(block, nnx.Not(nnx.Param)), slots, inner.collected())

    carry = jax.tree.map(jnp.asarray, carry)
    carry, (rest, slots, collected) = jax.lax.scan(body, carry, (params, rest, slots))
    nnx.update(blocks.block, rest)
    for index in range(len(blocks)):
        taps.extend(jax.tree.map(lambda array: array[index], collected))  # noqa: B023
    if past is not None:
        past.replace(jax.tree.map(lambda a, i=i: a[i], slots) for i in range(len(blocks)))
    return carry
