"""Activation functions by the names that configurations use."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError, nearest, show


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """x * P(X <= x) for a standard normal X, or its tanh approximation (Hendrycks, Gimpel 2016)."""
    return F.gelu(x, approximate="tanh" if approximate else "none")


gelu_tanh = partial(F.gelu, approximate="tanh")


def gelu_10(x: Tensor) -> Tensor:
    """GELU clipped to [-10, 10], for quantisation (Wu et al. 2020)."""
    return F.gelu(x).clamp(-10, 10)


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), a coarser approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


def laplace(x: Tensor) -> Tensor:
    """The normal distribution function nearest to a squared ReLU (Ma et al. 2022)."""
    return 0.5 * (1 + torch.erf((x - 0.707107) / (0.282095 * math.sqrt(2))))


def relu2(x: Tensor) -> Tensor:
    """Squared ReLU (So et al. 2021)."""
    return F.relu(x).square()


def identity(x: Tensor) -> Tensor:
    """x itself."""
    return x


class XIELU(nn.Module):
    """A quadratic for x > 0, an exponential below, both with a learned slope (Huang 2024)."""

    def __init__(self, slope: float = 0.8, beta: float = 0.5, eps: float = -1e-6):
        super().__init__()
        self.slope = slope
        self.alpha_p = nn.Parameter(torch.empty(1))
        self.alpha_n = nn.Parameter(torch.empty(1))
        self.register_buffer("beta", torch.tensor(beta))
        self.register_buffer("eps", torch.tensor(eps))
        self.initial = (beta, eps)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Sets the values that training starts from."""
        beta, eps = self.initial
        self.alpha_p.fill_(math.log(math.expm1(self.slope)))
        self.alpha_n.fill_(math.log(math.expm1(self.slope - beta)))
        self.beta.fill_(beta)
        self.eps.fill_(eps)

    def forward(self, x: Tensor) -> Tensor:
        positive = F.softplus(self.alpha_p) * x * x
        negative = (torch.expm1(torch.minimum(x, self.eps)) - x) * (
            self.beta + F.softplus(self.alpha_n)
        )
        return torch.where(x > 0, positive, negative) + self.beta * x


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_10": gelu_10,
    "gelu_accurate": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "gelu_new": gelu_tanh,
    "gelu_python": F.gelu,
    "gelu_python_tanh": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "laplace": laplace,
    "leaky_relu": F.leaky_relu,
    "linear": identity,
    "mish": F.mish,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "relu2": relu2,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
}
MODULES: dict[str, type[nn.Module]] = {"prelu": nn.PReLU, "xielu": XIELU}  # these learn


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function of that name; a module for the few that have parameters."""
    if name in MODULES:
        return MODULES[name]()
    if name not in FUNCTIONS:
        what, expected = "unknown activation", "one of triptych.activations"
        hint = nearest(name, [*FUNCTIONS, *MODULES])
        raise ConfigError(what, expected=expected, found=show(name), hint=hint)
    return FUNCTIONS[name]
