"""A model whose output is as long as its values say, with a bound: the same, then zeros."""

import importlib

import numpy as np
import pytest

SIZES = {
    "vocab_size": 19, "hidden_size": 12, "num_hidden_layers": 1, "ffn_dim": 20, "flow_size": 8,
    "spectrogram_bins": 9, "upsample_initial_channel": 16, "upsample_rates": [3, 2],
    "upsample_kernel_sizes": [6, 4], "resblock_kernel_sizes": [3, 5],
    "resblock_dilation_sizes": [[1, 3], [1, 2]], "prior_encoder_num_flows": 2,
    "posterior_encoder_num_wavenet_layers": 1,
}  # fmt: skip
IDS = np.arange(14).reshape(2, 7)
MASK = (np.arange(7) < np.array([[7], [4]])).astype(np.int64)
NOISE = np.random.default_rng(3).normal(size=(2, 2, 7)).astype(np.float32)
LATENTS = np.random.default_rng(4).normal(size=(2, 8, 99)).astype(np.float32)
ROOM = 9


def pytorch(config):
    import torch

    torch.manual_seed(0)
    model = importlib.import_module("triptych.models.vits.modeling_vits").VitsModel(config).eval()

    def call(draws, **kwargs):
        draws = {name: torch.from_numpy(values) for name, values in draws.items()}
        with torch.no_grad():
            return model(torch.from_numpy(IDS), torch.from_numpy(MASK), draws=draws, **kwargs)

    return call, call


def tensorflow(config):
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    model = importlib.import_module("triptych.models.vits.modeling_tf_vits").TFVitsModel(config)

    def call(draws, **kwargs):
        return model(tf.constant(IDS), tf.constant(MASK), draws=draws, **kwargs)

    return call, tf.function(call, jit_compile=True)


def flax(config):
    from flax import nnx
    from triptych.flax import compile

    module = importlib.import_module("triptych.models.vits.modeling_flax_vits")
    model = module.FlaxVitsModel(config, rngs=nnx.Rngs(0))
    model.eval()
    compiled = compile(model)

    def caller(function):
        return lambda draws, **kwargs: function(
            input_ids=IDS, attention_mask=MASK, draws=draws, **kwargs
        )

    return caller(model), caller(compiled)


@pytest.mark.parametrize("framework", [pytorch, tensorflow, flax])
def test_vits(framework):
    config = importlib.import_module("triptych.models.vits").VitsConfig(**SIZES)
    call, compiled = framework(config)
    longest = call({"duration_noise": NOISE, "latent_noise": LATENTS}, max_frames=99)
    frames = int(np.asarray(longest.sequence_lengths).max()) // 6
    free = call({"duration_noise": NOISE, "latent_noise": LATENTS[:, :, :frames]})
    more = frames + ROOM
    bounded = compiled(
        {"duration_noise": NOISE, "latent_noise": LATENTS[:, :, :more]}, max_frames=more
    )
    free, bounded = ({k: np.asarray(v) for k, v in out.items()} for out in (free, bounded))
    assert free["sequence_lengths"].tolist() == bounded["sequence_lengths"].tolist()
    for name, each in (("spectrogram", 1), ("waveform", 6)):
        size = free[name].shape[-1]
        assert bounded[name].shape[-1] == size + ROOM * each
        np.testing.assert_allclose(bounded[name][..., :size], free[name], rtol=1e-4, atol=1e-5)
        assert not bounded[name][..., size:].any()
