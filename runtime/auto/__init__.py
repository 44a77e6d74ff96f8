"""Classes that find out themselves which architecture a checkpoint has."""

# What a framework's classes are called, and the extra that it comes with.
PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}
EXTRAS = {"pytorch": "torch", "tensorflow": "tensorflow", "flax": "flax"}

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
CLASSES = ("AutoModel", "AutoBackbone", *(f"AutoModelFor{task}" for task in TASKS))
