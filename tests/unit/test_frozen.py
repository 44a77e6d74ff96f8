"""Frozen batch norms: what they compute, what they save, and that nothing trains them."""

import numpy as np
import pytest
from triptych.models.resnet.configuration_resnet import ResNetConfig

FRAMEWORKS = ("pytorch", "tensorflow", "flax")
CONFIG = {"embedding_size": 4, "hidden_sizes": [4, 6], "depths": [1, 1], "layer_type": "basic"}
PICTURES = np.random.default_rng(0).normal(size=(2, 3, 20, 24)).astype(np.float32)


def backbone(framework, frozen):
    """(the output for the pictures in training mode, the state, what is trained)."""
    config = ResNetConfig(**CONFIG)
    if framework == "pytorch":
        import torch
        from triptych.models.resnet.modeling_resnet import ResNetBackbone as Model
        from triptych.pytorch import freeze_norms, parameters, state_dict

        torch.manual_seed(0)
        model = Model(config).train()
        model = freeze_norms(model) if frozen else model
        output = model(torch.from_numpy(PICTURES)).feature_maps[-1].detach().numpy()
        trained = [p for p in parameters(model).values() if p.requires_grad]
        return output, state_dict(model), trained
    if framework == "tensorflow":
        from triptych.models.resnet.modeling_tf_resnet import TFResNetBackbone as Model
        from triptych.tensorflow import freeze_norms, state_dict

        model = Model(config)
        model = freeze_norms(model) if frozen else model
        output = model(PICTURES, training=True).feature_maps[-1].numpy()
        return output, state_dict(model), [v for v in model.trainable_variables if v.trainable]
    from flax import nnx
    from triptych.flax import freeze_norms, state_dict
    from triptych.models.resnet.modeling_flax_resnet import FlaxResNetBackbone as Model

    model = Model(config, rngs=nnx.Rngs(0))
    model = freeze_norms(model) if frozen else model
    model.train()
    output = np.asarray(model(PICTURES).feature_maps[-1])
    return output, state_dict(model), nnx.to_flat_state(nnx.state(model, nnx.Param))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frozen_norms(framework):
    output, state, trained = backbone(framework, frozen=True)
    _, plain, all_trained = backbone(framework, frozen=False)
    counts = {name for name in plain if name.endswith("num_batches_tracked")}
    norms = {name for name in plain if name.endswith("normalization.weight")}
    assert counts and set(state) == set(plain) - counts
    # two tensors of each norm are not trained any more
    assert len(trained) == len(all_trained) - 2 * len(norms)
    # statistics of the batch, which are not 0 and 1, change nothing
    for name in state:
        if "running" in name:
            assert set(np.unique(state[name])) == {float(name.endswith("var"))}
    assert np.isfinite(output).all() and output.std() > 0
