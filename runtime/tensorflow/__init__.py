"""What generated TensorFlow (Keras 3) code is made of."""

from __future__ import annotations

from ..checkpoint import Rules
from ..entries import entries
from ..refusals import refuse
from ..required import required
from ..sizes import as_list, pair
from ..states import StateSpec, cross_cache, kv_cache, tensor_state
from ..unlisted import unlisted
from . import environment  # noqa: F401 (first: it chooses the backend of Keras)
from .activations import activation
from .assignment import linear_assignment
from .attention import attention, register_attention
from .base import Layer, Parameter, default_dtype, is_training, value
from .batch_norm import BatchNorm
from .blocks import Block
from .cache import (
    Cache,
    Slots,
    cache_of,
    with_past,
)
from .calls import method
from .compile import compile
from .composition import auto_model
from .convolution1d import Conv1d, ConvTranspose1d
from .convolution3d import Conv3d
from .ctc import ctc_loss
from .draws import Draws, draws_of
from .elementwise import gelu, lgamma
from .experts import mixture_of_experts
from .extremes import largest, smallest
from .frozen import freeze_norms
from .functional import (
    bounded,
    einsum,
    integers,
    interpolate,
    l2_normalize,
    one_of,
    pad,
    select_rows,
    shape_of,
    standardize,
    static_size,
    take,
    take_along,
)
from .group_norm import GroupNorm
from .initialization import (
    Rule,
    constant,
    fan_in_uniform,
    interleaved_sinusoids,
    kaiming_normal,
    kaiming_normal_out,
    kaiming_uniform,
    log_range,
    normal,
    ones,
    orthogonal,
    powers,
    rays,
    sinusoids,
    softplus_log_uniform,
    trunc_normal,
    uniform,
    with_init,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from .inputs import first_given, last_token, merge_leading
from .layer_drop import LayerDrop
from .layers import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    DropPath,
    Embedding,
    LayerNorm,
    Linear,
    PixelShuffle,
    RMSNorm,
    ScaledEmbedding,
)
from .losses import (
    classification_loss,
    contrastive_loss,
    cross_entropy,
    known_labels_loss,
    l1_loss,
    mse_loss,
    next_token_loss,
    span_loss,
)
from .masks import Mask, allow, causal, new_positions, padding, window
from .model import PreTrainedModel
from .outputs import ModelOutput
from .pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from .positions import key_positions, log_buckets
from .recurrent import LSTM
from .reshaping import flatten_axes, split_axis
from .rows import padded
from .sampling import grid_sample
from .scans import selective_scan, wkv
from .scatter import masked_scatter
from .seeded import seeded_normal
from .sinusoidal import sinusoidal_positions
from .taps import NO_TAPS, Taps
from .waves import fourier_waves
from .weights import parameters, state_dict

__all__ = [
    "bounded",
    "seeded_normal",
    "Conv1d",
    "ConvTranspose1d",
    "GroupNorm",
    "LSTM",
    "LayerDrop",
    "ctc_loss",
    "Draws",
    "draws_of",
    "auto_model",
    "as_list",
    "grid_sample",
    "freeze_norms",
    "lgamma",
    "linear_assignment",
    "padded",
    "pair",
    "NO_TAPS",
    "BatchNorm",
    "Block",
    "Cache",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "DropPath",
    "Dropout",
    "Dropout2d",
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
    "ScaledEmbedding",
    "Rule",
    "Rules",
    "Slots",
    "StateSpec",
    "Taps",
    "activation",
    "gelu",
    "adaptive_avg_pool2d",
    "allow",
    "attention",
    "avg_pool2d",
    "cache_of",
    "causal",
    "classification_loss",
    "compile",
    "constant",
    "contrastive_loss",
    "cross_cache",
    "cross_entropy",
    "default_dtype",
    "entries",
    "fan_in_uniform",
    "fourier_waves",
    "einsum",
    "first_given",
    "flatten_axes",
    "sinusoidal_positions",
    "split_axis",
    "integers",
    "interpolate",
    "is_training",
    "kaiming_normal",
    "kaiming_normal_out",
    "kaiming_uniform",
    "kv_cache",
    "known_labels_loss",
    "l1_loss",
    "l2_normalize",
    "largest",
    "last_token",
    "max_pool2d",
    "masked_scatter",
    "merge_leading",
    "method",
    "mixture_of_experts",
    "mse_loss",
    "key_positions",
    "log_buckets",
    "new_positions",
    "next_token_loss",
    "log_range",
    "normal",
    "one_of",
    "ones",
    "pad",
    "padding",
    "parameters",
    "register_attention",
    "refuse",
    "required",
    "select_rows",
    "selective_scan",
    "shape_of",
    "smallest",
    "standardize",
    "static_size",
    "span_loss",
    "state_dict",
    "take",
    "take_along",
    "sinusoids",
    "interleaved_sinusoids",
    "orthogonal",
    "powers",
    "rays",
    "tensor_state",
    "softplus_log_uniform",
    "trunc_normal",
    "uniform",
    "value",
    "unlisted",
    "window",
    "with_init",
    "with_past",
    "wkv",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
