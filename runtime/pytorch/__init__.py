"""What generated PyTorch code is made of."""

from __future__ import annotations

from ..checkpoint import Rules
from ..entries import entries
from ..errors import MissingFrameworkError
from ..refusals import refuse
from ..required import required
from ..sizes import as_list, pair
from ..states import StateSpec, cross_cache, kv_cache, tensor_state
from ..unlisted import unlisted

try:
    import torch  # noqa: F401
except ImportError as error:
    raise MissingFrameworkError("torch") from error

from . import trees  # noqa: F401, E402 (registers caches)
from .activations import activation, gelu
from .assignment import linear_assignment
from .attention import attention, register_attention
from .blocks import Block
from .cache import Cache, with_past
from .compile import compile
from .composition import auto_model
from .convolution1d import NormedConv1d, NormedConvTranspose1d
from .ctc import ctc_loss
from .draws import Draws, draws_of
from .experts import mixture_of_experts
from .frozen import freeze_norms
from .functional import (
    bounded,
    interpolate,
    l2_normalize,
    new_positions,
    one_of,
    pad,
    select_rows,
    shape_of,
    standardize,
    static_size,
    take,
    take_along,
)
from .group import Group
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
from .layers import DropPath, RMSNorm, ScaledEmbedding
from .loading import default_dtype
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
from .masks import Mask, allow, causal, padding, window
from .model import PreTrainedModel
from .optimize import optimize
from .outputs import ModelOutput
from .positions import key_positions, log_buckets
from .recurrent import LSTM
from .rows import padded
from .sampling import grid_sample
from .scans import selective_scan, wkv
from .scatter import masked_scatter
from .seeded import seeded_normal
from .sinusoidal import sinusoidal_positions
from .states import Slots
from .taps import NO_TAPS, Taps
from .waves import fourier_waves
from .weights import parameters, state_dict

__all__ = [
    "bounded",
    "seeded_normal",
    "NormedConv1d",
    "NormedConvTranspose1d",
    "LSTM",
    "LayerDrop",
    "ctc_loss",
    "Draws",
    "draws_of",
    "auto_model",
    "as_list",
    "grid_sample",
    "freeze_norms",
    "linear_assignment",
    "padded",
    "pair",
    "Group",
    "first_given",
    "last_token",
    "masked_scatter",
    "merge_leading",
    "mixture_of_experts",
    "NO_TAPS",
    "Block",
    "Cache",
    "DropPath",
    "Mask",
    "ModelOutput",
    "PreTrainedModel",
    "RMSNorm",
    "ScaledEmbedding",
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
    "entries",
    "fan_in_uniform",
    "fourier_waves",
    "gelu",
    "interpolate",
    "kaiming_normal",
    "kaiming_normal_out",
    "kaiming_uniform",
    "kv_cache",
    "known_labels_loss",
    "l1_loss",
    "l2_normalize",
    "mse_loss",
    "key_positions",
    "log_buckets",
    "new_positions",
    "next_token_loss",
    "log_range",
    "normal",
    "one_of",
    "ones",
    "optimize",
    "pad",
    "padding",
    "parameters",
    "register_attention",
    "refuse",
    "required",
    "select_rows",
    "selective_scan",
    "shape_of",
    "sinusoidal_positions",
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
    "unlisted",
    "window",
    "with_init",
    "with_past",
    "wkv",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
