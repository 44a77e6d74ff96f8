"""Classes that find out themselves which architecture a checkpoint has."""

# What a framework's classes are called, and the subpackage and the extra that they need.
PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}
EXTRAS = {"pytorch": "torch", "tensorflow": "tensorflow", "flax": "flax"}
