"""Weights with which a tiny model says something: a seed and a gain, see generation.py."""

import itertools

from . import prompts, running, settling
from .models import Session

GAINS = (1, 2, 3, 4, 6)
SEEDS = 6  # the case's own and others
OTHER = 1000  # from one seed to the next
PROMPTS = 3
ENOUGH = 0.5  # of the tokens of a row are different ones


def choose(spec):
    """(seed, gain): the first that say enough different tokens, or those that say most."""
    found = []
    for number, gain in itertools.product(range(SEEDS), GAINS):
        values = (spec.seed + OTHER * number, gain)
        share = variety(Session(spec, values))
        if share >= ENOUGH:
            return values
        found.append((share, -number, -gain, values))
    return max(found)[-1]


def variety(session):
    """The share of greedy tokens that their row did not have before."""
    shares = []
    kwargs = {**settling.arguments(session), "eos_token_id": None}
    for attempt in range(PROMPTS):
        inputs = prompts.prompt(session, "padded", attempt)[1]
        for row in running.run(session, inputs, kwargs, {}).new:
            shares.append(len(set(row)) / len(row))
    return sum(shares) / len(shares)
