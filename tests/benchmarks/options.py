"""What the command line decided."""

from __future__ import annotations

from dataclasses import dataclass

LABELS = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "flax": "Flax"}
PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}
# The reference has no such classes.
NO_REFERENCE = {
    ("tensorflow", "llama"),
    ("flax", "swin"),
    ("tensorflow", "mamba"),
    ("flax", "mamba"),
}


@dataclass(frozen=True)
class Options:
    """Environments and extent of a run."""

    product: str
    reference: str | None
    reference_tf: str | None
    frameworks: tuple[str, ...]
    models: tuple[str, ...]  # of forward, load and generation; all of them if empty
    cases: tuple[str, ...]  # parts of names of generation's; all of them if empty
    quick: bool
    compiled: bool
    rounds: int | None

    def reference_for(self, framework: str, folder: str = "bert") -> str | None:
        """The Python of the reference's classes of a framework, if there are any."""
        if (framework, folder) in NO_REFERENCE:
            return None
        return self.reference if framework == "pytorch" else self.reference_tf

    def count(self, usual: int, quick: int = 2) -> int:
        """How many rounds."""
        return self.rounds or (quick if self.quick else usual)
