"""Triptych: neural architectures, written once and rendered for PyTorch, TensorFlow and Flax.

Everything is imported when it is first used; a framework, when a class of it is.
"""

from .lazy import export

FRAMEWORKS = ("", "TF", "Flax")
TASKS = (
    "PreTraining",
    "MaskedLM",
    "CausalLM",
    "NextSentencePrediction",
    "SequenceClassification",
    "TokenClassification",
    "QuestionAnswering",
    "MultipleChoice",
    "ImageClassification",
    "MaskedImageModeling",
)
AUTO = ["AutoModel", "AutoBackbone", *(f"AutoModelFor{task}" for task in TASKS)]

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = export(
    __name__,
    {
        "auto.config": ["AutoConfig"],
        "auto.models": [prefix + name for prefix in FRAMEWORKS for name in AUTO],
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
