"""Recurrent layers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LSTM(nn.Module):
    """Layers of long short-term memory (Hochreiter, Schmidhuber 1997): [b, s, in] -> [b, s, out].

    States start from 0. The rows of the weights are the input, forget, cell and output gates.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1):
        super().__init__()
        bound = 1 / math.sqrt(hidden_size)
        for i in range(num_layers):
            inputs = hidden_size if i else input_size
            sizes = {
                f"weight_ih_l{i}": (4 * hidden_size, inputs),
                f"weight_hh_l{i}": (4 * hidden_size, hidden_size),
                f"bias_ih_l{i}": (4 * hidden_size,),
                f"bias_hh_l{i}": (4 * hidden_size,),
            }
            for name, size in sizes.items():
                parameter = nn.Parameter(torch.empty(size))
                nn.init.uniform_(parameter, -bound, bound)
                self.register_parameter(name, parameter)

    def forward(self, x: Tensor) -> Tensor:
        weights = list(self.parameters())
        if torch.compiler.is_compiling() and torch.is_grad_enabled():
            # a compiled program cannot be differentiated through the fused kernel
            for i in range(0, len(weights), 4):
                x = unrolled(x, *weights[i : i + 4])
            return x
        layers = len(weights) // 4
        start = x.new_zeros(layers, x.shape[0], weights[1].shape[1])
        return torch.lstm(x, (start, start), weights, True, layers, 0.0, False, False, True)[0]


def unrolled(x: Tensor, inner: Tensor, outer: Tensor, *biases: Tensor) -> Tensor:
    """One layer, step by step: a program as long as the sequence."""
    steps = F.linear(x, inner, sum(biases)).unbind(1)
    hidden = cell = x.new_zeros(x.shape[0], outer.shape[1])
    result = []
    for step in steps:
        enter, forget, new, leave = (step + F.linear(hidden, outer)).chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
        hidden = torch.sigmoid(leave) * torch.tanh(cell)
        result.append(hidden)
    return torch.stack(result, 1)
