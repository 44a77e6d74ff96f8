"""Classes that find out themselves which architecture a checkpoint has."""

# What the names of a framework's classes begin with.
PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}

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
