"""One adapter a framework: the few things in which running a model differs."""

from importlib import import_module

CLASSES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "flax": "Flax"}
FRAMEWORKS = tuple(CLASSES)


def adapter(framework):
    """The adapter of a framework, which is imported only now."""
    return getattr(import_module(f"{__name__}.{framework}"), CLASSES[framework])()
