"""What generated TensorFlow (Keras 3) code is made of."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from ..errors import MissingFrameworkError  # noqa: E402

try:
    import keras
    import tensorflow  # noqa: F401
except ImportError as error:
    raise MissingFrameworkError("tensorflow") from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow before it is "
        "imported"
    )

from .activations import activation  # noqa: E402
from .attention import attention, register_attention  # noqa: E402
from .base import Layer, Parameter, default_dtype, is_training, value  # noqa: E402
from .blocks import Block  # noqa: E402
from .cache import (  # noqa: E402
    Cache,
    Slots,
    StateSpec,
    cross_cache,
    kv_cache,
    with_past,
)
from .compile import compile  # noqa: E402
from .functional import (  # noqa: E402
    einsum,
    integers,
    interpolate,
    l2_normalize,
    one_of,
    pad,
    select_rows,
    shape_of,
    take,
    take_along,
)
from .initialization import (  # noqa: E402
    Rule,
    constant,
    kaiming_normal,
    kaiming_uniform,
    normal,
    ones,
    trunc_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from .layers import (  # noqa: E402
    Conv2d,
    Dropout,
    DropPath,
    Embedding,
    LayerNorm,
    Linear,
    PixelShuffle,
    RMSNorm,
)
from .losses import (  # noqa: E402
    classification_loss,
    contrastive_loss,
    cross_entropy,
    l1_loss,
    mse_loss,
    next_token_loss,
    span_loss,
)
from .masks import Mask, allow, causal, new_positions, padding, window  # noqa: E402
from .model import PreTrainedModel  # noqa: E402
from .outputs import ModelOutput  # noqa: E402
from .pretrained import Rules  # noqa: E402
from .taps import NO_TAPS, Taps  # noqa: E402
from .weights import parameters, state_dict  # noqa: E402

__all__ = [
    "NO_TAPS",
    "Block",
    "Cache",
    "Conv2d",
    "DropPath",
    "Dropout",
    "Embedding",
    "Layer",
    "LayerNorm",
    "Linear",
    "Mask",
    "ModelOutput",
    "Parameter",
    "PixelShuffle",
    "PreTrainedModel",
    "RMSNorm",
    "Rule",
    "Rules",
    "Slots",
    "StateSpec",
    "Taps",
    "activation",
    "allow",
    "attention",
    "causal",
    "classification_loss",
    "compile",
    "constant",
    "contrastive_loss",
    "cross_cache",
    "cross_entropy",
    "default_dtype",
    "einsum",
    "integers",
    "interpolate",
    "is_training",
    "kaiming_normal",
    "kaiming_uniform",
    "kv_cache",
    "l1_loss",
    "l2_normalize",
    "mse_loss",
    "new_positions",
    "next_token_loss",
    "normal",
    "one_of",
    "ones",
    "pad",
    "padding",
    "parameters",
    "register_attention",
    "select_rows",
    "shape_of",
    "span_loss",
    "state_dict",
    "take",
    "take_along",
    "trunc_normal",
    "uniform",
    "value",
    "window",
    "with_past",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
