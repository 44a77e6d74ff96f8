"""Losses of boxes in no order, in three frameworks, against plain numpy."""

import importlib
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from triptych.generator.checking import check_spec
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPECS = Path(__file__).resolve().parents[1] / "specs"
LIBRARY = Path(__file__).resolve().parents[2] / "specs" / "library"
PREFIXES = {"pytorch": ("", ""), "tensorflow": ("tf_", "TF"), "flax": ("flax_", "Flax")}
LABELS = np.array([[2, 0, 1], [1, -1, -1]])


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    root = tmp_path_factory.mktemp("generated")
    program = check_spec(load_spec(SPECS / "matching.yaml", [LIBRARY]))
    for path, text in render_program(program, "matching_in_tests").items():
        place = root / "matching_in_tests" / Path(path).name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    sys.path.insert(0, str(root))
    yield "matching_in_tests"
    sys.path.remove(str(root))


def inputs():
    random = np.random.default_rng(3)
    targets = random.uniform(0.2, 0.5, (2, 3, 4))
    targets[LABELS < 0] = 0  # no boxes: nothing may become infinite
    arrays = {"logits": random.normal(size=(2, 5, 4)), "boxes": random.normal(size=(2, 5, 4))}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return {**arrays, "labels": LABELS, "targets": targets.astype(np.float32)}


def overlap(one, two):
    """Generalized intersection over union of two boxes."""
    (a, b), (c, d) = ((box[:2] - box[2:] / 2, box[:2] + box[2:] / 2) for box in (one, two))
    shared = np.prod(np.maximum(np.minimum(b, d) - np.maximum(a, c), 0))
    whole = np.prod(b - a) + np.prod(d - c) - shared
    hull = np.prod(np.maximum(b, d) - np.minimum(a, c))
    return shared / whole - (hull - whole) / hull


def matched(class_cost, boxes, labels, targets):
    """The query of each target, by trying all assignments; class_cost [b, q, c]."""
    queries = np.full(labels.shape, -1)
    for n, row in enumerate(labels):
        there = [t for t in range(len(row)) if row[t] >= 0]

        def cost(chosen, n=n, row=row, there=there):
            pairs = zip(chosen, there, strict=True)
            return sum(
                class_cost[n, q, row[t]]
                + 5 * np.abs(boxes[n, q] - targets[n, t]).sum()
                - 2 * overlap(boxes[n, q], targets[n, t])
                for q, t in pairs
            )

        queries[n, there] = min(itertools.permutations(range(boxes.shape[1]), len(there)), key=cost)
    return queries


def expected(logits, boxes, labels, targets):
    """Queries and losses, from those matched by probability."""
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    queries, wanted = matched(-chances, boxes, labels, targets), np.full(logits.shape[:2], 3)
    far, near = 0, 0
    for n, t in zip(*np.nonzero(labels >= 0), strict=True):
        wanted[n, queries[n, t]] = labels[n, t]
        far += np.abs(boxes[n, queries[n, t]] - targets[n, t]).sum()
        near += 1 - overlap(boxes[n, queries[n, t]], targets[n, t])
    weights = np.where(wanted == 3, 0.1, 1.0)
    losses = -np.log(np.take_along_axis(chances, wanted[..., None], -1)[..., 0]) * weights
    number = (labels >= 0).sum()
    off = np.abs((logits.argmax(-1) != 3).sum(1) - (labels >= 0).sum(1)).mean()
    return queries, losses.sum() / weights.sum(), far / number, near / number, off


def expected_focal(logits, boxes, labels, targets):
    """(queries, loss) where each class is one yes or no."""
    chances = 1 / (1 + np.exp(-logits))
    yes = 0.25 * (1 - chances) ** 2 * -np.log(chances)
    no = 0.75 * chances**2 * -np.log(1 - chances)
    queries = matched(2 * (yes - no), boxes, labels, targets)
    losses = 0.7 * chances**2 * -np.log(1 - chances)
    for n, t in zip(*np.nonzero(labels >= 0), strict=True):
        at = n, queries[n, t], labels[n, t]
        losses[at] = 0.3 * (1 - chances[at]) ** 2 * -np.log(chances[at])
    return queries, losses.sum() / (labels >= 0).sum()


@pytest.mark.parametrize("framework", PREFIXES)
def test_losses(package, framework):
    infix, prefix = PREFIXES[framework]
    module = importlib.import_module(f"{package}.modeling_{infix}matching")
    settings = importlib.import_module(f"{package}.configuration_matching")
    model = getattr(module, f"{prefix}MatchingModel")(settings.MatchingConfig())
    given = inputs()
    if framework == "pytorch":
        import torch

        output = model(**{name: torch.from_numpy(array) for name, array in given.items()})
        output["loss"].backward()
        gradient = model.shift.grad.numpy()
    elif framework == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def step(given):
            with tf.GradientTape() as tape:
                output = model(**given)
            return dict(output), tape.gradient(output["loss"], model.trainable_variables)

        output, (gradient,) = step({name: tf.constant(array) for name, array in given.items()})
    else:
        from flax import nnx

        def loss(model):
            output = model(**given)
            return output["loss"], dict(output)

        (_, output), gradient = nnx.jit(nnx.value_and_grad(loss, has_aux=True))(model)
        gradient = gradient["shift"][...]
    output = {name: np.asarray(getattr(x, "detach", lambda x=x: x)()) for name, x in output.items()}
    wanted = expected(given["logits"], output["boxes"], given["labels"], given["targets"])
    assert (output["queries"] == wanted[0]).all()
    names = ("loss_classes", "loss_boxes", "loss_overlap", "off")
    for name, value in zip(names, wanted[1:], strict=True):
        assert output[name] == pytest.approx(value, rel=1e-5), name
    queries, loss = expected_focal(
        given["logits"], output["boxes"], given["labels"], given["targets"]
    )
    assert (output["focal_queries"] == queries).all()
    assert output["loss_focal"] == pytest.approx(loss, rel=1e-5)
    assert np.isfinite(gradient).all() and np.abs(gradient).min() > 0
