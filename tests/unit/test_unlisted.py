"""Keys that a configuration's file has beside its fields."""

from triptych.configuration import PretrainedConfig
from triptych.unlisted import unlisted


class SmallConfig(PretrainedConfig):
    width: int = 4


def test_a_key_of_the_file_or_a_default():
    assert unlisted(SmallConfig(depth=3), "depth") == 3
    assert unlisted(SmallConfig(), "depth") is None
    assert unlisted(SmallConfig(), "depth", 7) == 7


def test_compiled():
    import torch

    @torch.compile(backend="eager", fullgraph=True)
    def scaled(x, config):
        return x * unlisted(config, "depth", 2)

    assert scaled(torch.ones(1), SmallConfig()).item() == 2
    assert scaled(torch.ones(1), SmallConfig(depth=5)).item() == 5
