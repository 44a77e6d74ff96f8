"""The forms in which a model is run: how a framework's users run it, and which probes each covers.

The first of a framework is its primary form, in which the default suite runs every class.
"""

from dataclasses import dataclass

ALL = frozenset({"call", "train", "cache", "static_cache", "generate", "bf16"})


@dataclass(frozen=True)
class Form:
    """`compiled`: shapes are fixed, so caches are preallocated and traces are counted.

    `probes`: the kinds of probes it covers; "train" are those with gradients, "static_cache" are
    cache probes on a preallocated cache, "fresh" those of a model that was not loaded.
    """

    name: str
    compiled: bool = False
    probes: frozenset = ALL


# a model is made in the same way for all forms; methods are compiled by nobody but their caller
FIRST = ALL | {"fresh", "method"}
GROWING = frozenset({"cache"})

FORMS = {
    "pytorch": (
        Form("eager", probes=FIRST),
        # A growing cache changes shape at every step, which is what preallocated ones are for.
        Form("compile", compiled=True, probes=ALL - GROWING),
        # An exported program is one call with fixed arguments.
        Form("export", compiled=True, probes=frozenset({"call"})),
    ),
    "tensorflow": (
        Form("function", compiled=True, probes=FIRST),
        Form("eager"),
        Form("xla", compiled=True, probes=ALL - GROWING),
    ),
    "flax": (
        Form("jit", compiled=True, probes=FIRST),
        Form("eager"),
    ),
}


def form(framework, name):
    """A form by its name."""
    return next(form for form in FORMS[framework] if form.name == name)


def primary(framework):
    """The form in which every class is run."""
    return FORMS[framework][0]
