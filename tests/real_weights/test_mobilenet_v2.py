"""MobileNetV2 trained on ImageNet sees a cat, an espresso and a palace, in three frameworks."""

import pytest
import triptych

from real_weights import photographs
from real_weights.frameworks import FRAMEWORKS, logits

pytestmark = pytest.mark.download(36)


@pytest.fixture(scope="module")
def pictures(online):
    with online():
        return {name: photographs.pixels(name) for name in photographs.PHOTOGRAPHS}


@pytest.fixture(scope="module")
def folder(pictures, online):
    with online():
        return photographs.checkpoint()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_photographs(folder, pictures, framework):
    model = triptych.load(folder, framework=framework)
    for name, answer in photographs.recorded().items():
        share = photographs.probabilities(logits(framework, model, pixel_values=pictures[name])[0])
        best = share.argsort()[::-1][:5]
        assert best[0] == photographs.PHOTOGRAPHS[name][1]
        assert best.tolist() == answer["best"]
        assert share[best].tolist() == pytest.approx(answer["shares"], abs=1e-5)
