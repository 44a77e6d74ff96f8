"""What a reference draws at random in a call, given to it: the case list writes the values out.

An entry `draws.NAME.NUMBER` of `inputs` is no input. Its rule has `draw`: the function of PyTorch
from which the reference gets the values instead of random ones, in the order of the list.
"""

import contextlib
from collections import defaultdict
from unittest import mock

import torch

PREFIX = "draws."


@contextlib.contextmanager
def given(inputs, dtype):
    """The inputs that are none of the draws; inside, the reference draws those."""
    queues = defaultdict(list)
    for name, item in inputs.items():
        if name.startswith(PREFIX):
            queues[item.source].append(torch.from_numpy(item.value()).to(dtype))
    with contextlib.ExitStack() as stack:
        for source, queue in queues.items():
            owner, attribute, function = SOURCES[source](queue)
            stack.enter_context(mock.patch.object(owner, attribute, function))
        yield without(inputs)
    if left := [source for source, queue in queues.items() if queue]:
        raise SystemExit(f"the reference does not draw all that it is given from {left[0]}")


def without(inputs):
    """The inputs that are none of the draws."""
    return {name: item for name, item in inputs.items() if not name.startswith(PREFIX)}


def _next(queue, shape):
    values = queue.pop(0)
    if values.numel() != torch.Size(shape).numel():
        raise SystemExit(f"the reference draws {tuple(shape)}, not {tuple(values.shape)}")
    return values.reshape(shape)


def _exponential(queue):
    """Gumbel values g are drawn as -log(e) of exponential ones."""
    return (
        torch.Tensor,
        "exponential_",
        lambda tensor, *_: tensor.copy_(torch.exp(-_next(queue, tensor.shape))),
    )


def _randn(queue):
    def function(*size, **_):
        return _next(queue, size if isinstance(size[0], int) else size[0])

    return torch, "randn", function


def _randn_like(queue):
    return torch, "randn_like", lambda tensor, **_: _next(queue, tensor.shape)


def _uniform(queue):
    """Numbers u from 0 to 1, drawn as low + (high - low) u."""
    return (
        torch.Tensor,
        "uniform_",
        lambda x, low=0, high=1: x.copy_(low + (high - low) * _next(queue, x.shape)),
    )


def _rand(queue):
    def function(*size, **_):
        return _next(queue, size if isinstance(size[0], int) else size[0])

    return torch, "rand", function


def _rand_like(queue):
    return torch, "rand_like", lambda tensor, **_: _next(queue, tensor.shape)


def _randperm(queue):
    """The order that sorts numbers from 0 to 1."""
    return torch, "randperm", lambda count, **_: torch.argsort(_next(queue, (count,)))


def _bernoulli(queue):
    """1 where a number from 0 to 1 is below the probability."""

    def function(probabilities, **_):
        return (_next(queue, probabilities.shape) < probabilities).to(probabilities.dtype)

    return torch, "bernoulli", function


SOURCES = {
    "bernoulli": _bernoulli,
    "exponential_": _exponential,
    "rand": _rand,
    "rand_like": _rand_like,
    "randn": _randn,
    "randn_like": _randn_like,
    "randperm": _randperm,
    "uniform_": _uniform,
}
