"""Triptych: neural architectures, written once and rendered for PyTorch, TensorFlow and Flax.

Everything is imported when it is first used; a framework, when a class of it is.
"""

from .auto import CLASSES, PREFIXES
from .lazy import export

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = export(
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
        "loading": ["load", "parameters", "state_dict"],
    },
)
