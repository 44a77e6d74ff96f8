"""Checkpoints on disk, and how their tensors map to those of a model; needs no framework."""

from .fetching import resolve_checkpoint
from .opening import open_checkpoint
from .plan import LoadPlan, Mismatch, Rules, match
from .saving import save_checkpoint
from .slots import Slot, stored_tensors
from .tensors import Checkpoint, TensorInfo
from .transforms import Split, Stack, Transform, Transpose, WeightNorm
from .writing import save_safetensors

__all__ = [
    "Checkpoint",
    "LoadPlan",
    "Mismatch",
    "Rules",
    "Slot",
    "Split",
    "Stack",
    "TensorInfo",
    "Transform",
    "Transpose",
    "WeightNorm",
    "match",
    "open_checkpoint",
    "resolve_checkpoint",
    "save_checkpoint",
    "save_safetensors",
    "stored_tensors",
]
