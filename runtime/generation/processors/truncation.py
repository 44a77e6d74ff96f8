"""What sampling may choose from: the scale of the scores, and how many tokens remain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..step import Step
from .base import Processor, forbid


@dataclass(frozen=True)
class Temperature(Processor):
    """Scores divided by a number: below 1 likely tokens become likelier."""

    temperature: float

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return scores / self.temperature


@dataclass(frozen=True)
class TopK(Processor):
    """The `count` best tokens, and all that are as good as the last of them."""

    count: int
    keep: int = 1

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        return forbid(ops, scores, scores < _best(ops, scores, max(self.count, self.keep)))


@dataclass(frozen=True)
class TopP(Processor):
    """The fewest best tokens whose probabilities sum to `mass` (Holtzman et al. 2019)."""

    mass: float
    keep: int = 1

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        values, order = ops.sort_descending(scores)
        # From the least likely on: sums of small numbers are exact enough.
        rest = ops.reverse(ops.cumsum(ops.reverse(ops.softmax(values)), -1))
        count = ops.sum_(rest > 1 - self.mass, -1, keepdims=True)
        last = ops.maximum(count, min(self.keep, ops.shape(scores)[-1])) - 1
        value, index = ops.take_along(values, last, -1), ops.take_along(order, last, -1)
        return forbid(ops, scores, ~_until(ops, scores, value, index))


@dataclass(frozen=True)
class MinP(Processor):
    """Tokens at least `share` times as likely as the best one (Nguyen et al. 2024)."""

    share: float
    keep: int = 1

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        likely = ops.softmax(scores)
        unlikely = likely < self.share * ops.max_(likely, axis=-1, keepdims=True)
        return forbid(ops, scores, unlikely & ~_first(ops, scores, self.keep))


@dataclass(frozen=True)
class Typical(Processor):
    """Tokens whose information is nearest to the expected one, of probability `mass` together
    (Meister et al. 2022)."""

    mass: float
    keep: int = 1

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        likely = ops.log_softmax(scores)
        distance = ops.abs_(-likely - _entropy(ops, likely))
        negated, order = ops.sort_descending(-distance)
        sums = ops.cumsum(ops.softmax(ops.take_along(scores, order, -1)), -1)
        size = ops.shape(scores)[-1]
        last = ops.minimum(ops.sum_(sums < self.mass, -1, keepdims=True), size - 1)
        unusual = distance > -ops.take_along(negated, last, -1)
        return forbid(ops, scores, unusual & ~_first(ops, -distance, self.keep))


@dataclass(frozen=True)
class Epsilon(Processor):
    """Tokens with at least that probability (Hewitt et al. 2022)."""

    least: float
    keep: int = 1

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        unlikely = ops.softmax(scores) < self.least
        return forbid(ops, scores, unlikely & (scores < _best(ops, scores, self.keep)))


@dataclass(frozen=True)
class Eta(Processor):
    """Tokens with at least a probability that falls where many are likely (Hewitt et al. 2022)."""

    epsilon: float
    keep: int = 1

    def __call__(self, ops: Any, step: Step, scores: Any) -> Any:
        spread = ops.exp(-_entropy(ops, ops.log_softmax(scores)))
        least = ops.minimum(self.epsilon**0.5 * spread, self.epsilon)
        unlikely = ops.softmax(scores) < least
        return forbid(ops, scores, unlikely & (scores < _best(ops, scores, self.keep)))


def _entropy(ops: Any, likely: Any) -> Any:
    """[b, 1], of log-probabilities [b, v]; impossible tokens add nothing."""
    chances = ops.exp(likely)
    return -ops.sum_(ops.where(chances > 0, chances * likely, 0.0), axis=-1, keepdims=True)


def _best(ops: Any, scores: Any, count: int) -> Any:
    """[b, 1]: the score of the `count`-th best token, or of the last one."""
    if count == 1:
        return ops.max_(scores, axis=-1, keepdims=True)
    return ops.top_k(scores, min(count, ops.shape(scores)[-1]))[0][:, -1:]


def _first(ops: Any, x: Any, count: int) -> Any:
    """bool [b, v]: the `count` largest; of equal ones the first."""
    values, order = ops.top_k(x, min(count, ops.shape(x)[-1]))
    return _until(ops, x, values[:, -1:], order[:, -1:])


def _until(ops: Any, x: Any, value: Any, index: Any) -> Any:
    """bool [b, v]: in descending order the entries of x up to one, whose value and index are given,
    both [b, 1]."""
    before = ops.arange(ops.shape(x)[-1], like=x)[None] <= index
    return (x > value) | ((x == value) & before)
