"""Triptych: neural architectures, written once and rendered for PyTorch, TensorFlow and Flax.

Everything is imported when it is first used; a framework, when a class of it is. The classes of all
architectures are here under their names: `from triptych import BertModel, FlaxBertModel`.
"""

from .auto import CLASSES, PREFIXES
from .generation import __all__ as GENERATION
from .lazy import export

__version__ = "0.1.0"
_own, _own_names, __all__ = export(
    __name__,
    {
        "auto.config": ["AutoConfig"],
        "auto.models": [prefix + name for prefix in PREFIXES.values() for name in CLASSES],
        "auto.registry": ["register"],
        "auto.tokenizer": ["AutoTokenizer", "Tokenizer"],
        "configuration": ["PretrainedConfig"],
        "errors": [
            "CheckpointError",
            "ConfigError",
            "InputError",
            "MissingFrameworkError",
            "TriptychError",
        ],
        "generation": GENERATION,
        "loading": ["load", "parameters", "state_dict"],
    },
)


def __getattr__(name: str):
    if name in __all__ or not name[:1].isupper():  # a submodule, perhaps
        return _own(name)
    from .auto.classes import find_class

    return find_class(name)


def __dir__() -> list[str]:
    from .auto.classes import class_names

    return sorted({*_own_names(), *class_names()})
