"""Inputs of text and vision models, from the class's signature and configuration."""

import inspect
from dataclasses import dataclass, replace

import numpy as np
import torch

from .. import fill
from ..case import nested
from ..mappings import mappings
from . import decoding

# what callers know a cache as
CACHES = ("past_key_values", "cache_params", "state")
ROWS = 2
CHOICES = 3
SOURCE_LENGTH = 7
FIRST_ID = 5
CHARACTERS = 0x110000  # of Unicode
# what pretraining learns from pairs of sentences, beside the tokens
SECOND_LABELS = ("next_sentence_label", "sentence_order_label")


@dataclass(frozen=True)
class Filled:
    """A float input that is not stored, only its rule."""

    key: str
    shape: tuple
    rule: tuple
    seed: int
    source: str | None = None  # of a draw: which function the reference draws it with

    def value(self):
        """The float32 array."""
        values = fill.values(self.seed, self.key, self.shape, list(self.rule))
        return values.astype(np.float32)


class Maker:
    """Makes the inputs of one class under one configuration."""

    def __init__(self, spec, cls, config, caches=False, generates=False):
        self.spec, self.cls, self.config = spec, cls, config
        self.caches, self.generates = caches, generates
        self.parameters = list(inspect.signature(cls.forward).parameters)
        self.name = spec.class_name
        self.cache_name = next((name for name in CACHES if self.takes(name)), None)
        self.choices = CHOICES if self.name.endswith("MultipleChoice") else 0
        self.length = spec.length

    @property
    def uses_cache(self):
        """Does the configuration, or its part for text, ask for a cache?"""
        return getattr(self.config.get_text_config(decoder=True), "use_cache", False)

    @property
    def passes_on(self):
        """Does the class's forward take what a part of it takes, by `**kwargs` of a known type?"""
        parameters = inspect.signature(self.cls.forward).parameters.values()
        return any(p.kind is p.VAR_KEYWORD and p.annotation is not p.empty for p in parameters)

    def takes(self, name):
        """Does the class's forward have this argument?"""
        return name in self.parameters

    def ordered(self, inputs):
        """The inputs in the order of the signature."""
        known = [name for name in self.parameters if name in inputs]
        return {name: inputs[name] for name in known + [n for n in inputs if n not in known]}

    def filled(self, probe, name, shape, *rule):
        """A float input filled by a rule."""
        rule = rule or ("normal", 0.0, 1.0)
        return Filled(f"inputs/{probe}/{name}", tuple(shape), tuple(rule), self.spec.seed)

    def draw(self, probe, name, shape, low, high):
        """An integer input."""
        return fill.integers(self.spec.seed, f"inputs/{probe}/{name}", tuple(shape), low, high)

    def written(self, probe, changes):
        """The inputs that the case list writes out, with a probe's changes; None takes one away."""
        return self.ordered(self.made(probe, {**self.spec.inputs, **(changes or {})}))

    def made(self, probe, rules):
        """Inputs by their rules."""
        return {n: self._written(probe, n, rule) for n, rule in rules.items() if rule is not None}

    def _written(self, probe, name, rule):
        rule = dict(rule)
        shape, put = rule.pop("shape", None), rule.pop("put", {})
        dtype, side = rule.pop("dtype", "int64"), rule.pop("side", "right")
        source = rule.pop("draw", None)
        ((kind, given),) = rule.items()
        if kind in ("normal", "uniform"):
            item = self.filled(probe, name, shape, kind, *map(float, given))
            return replace(item, source=source)
        if kind == "integers":
            array = self.draw(probe, name, shape, *given).astype(dtype)
            for number, columns in put.items():
                array[..., columns] = number
            return array
        if kind == "lengths":  # a mask, of the given numbers of ones a row
            place = np.arange(shape[-1])
            place = place[::-1] if side == "left" else place
            mask = place < np.array(given)[:, None]
            return mask.reshape(shape).astype(dtype)
        if kind in ("extents", "crossed"):  # a mask of pictures: ones in so many rows and columns,
            mask = np.zeros(shape, dtype)  # and, if crossed, where both are beyond
            for picture, (height, width) in zip(mask, given, strict=True):
                picture[:height, :width] = 1
                if kind == "crossed":
                    picture[height:, width:] = 1
            return mask
        if kind == "values":
            array = np.array(given).astype(dtype)
            return Stored(array) if array.dtype.kind == "f" else array
        raise SystemExit(f"no rule {kind!r} for the input {name}")

    # text ---------------------------------------------------------------------------------------
    def mask(self, length, side):
        """[rows, length] of ones; `side` says where the second row is padded."""
        mask = np.ones((ROWS * max(self.choices, 1), length), dtype=np.int64)
        if side == "right":
            mask[1::2, length - 3 :] = 0
        elif side == "left":
            mask[1::2, :3] = 0
        elif side == "row":
            mask[1::2] = 0
        return mask

    def whole(self, probe, length=None, side=None):
        """The inputs that the case list writes out, or those of a text."""
        if self.spec.inputs:
            return self.written(probe, None)
        return self.text(probe, length=length, side=side)

    def text(
        self,
        probe,
        length=None,
        side=None,
        labels=False,
        embeds=False,
        types=True,
        source=True,
        target=True,
    ):
        """Ids (or embeddings), mask, token types, encoder states, target and labels."""
        length = length or self.length
        mask = self.mask(length, side)
        ids = self.draw(probe, "input_ids", mask.shape, FIRST_ID, self.vocabulary())
        if side in ("left", "right"):
            ids[mask == 0] = getattr(self.config, "pad_token_id", None) or 0
        decoding.end_tokens(self, ids, mask)
        shape = (ROWS, self.choices, length) if self.choices else (ROWS, length)
        result = {}
        if embeds:
            size = (*shape, self.embedding_size())
            result["inputs_embeds"] = self.filled(probe, "inputs_embeds", size, "normal", 0.0, 0.5)
        else:
            result["input_ids"] = ids.reshape(shape)
        if side is not None and self.takes("attention_mask"):
            result["attention_mask"] = mask.reshape(shape)
        count = getattr(self.config, "type_vocab_size", 0) or 0
        if types and count > 1 and self.takes("token_type_ids"):
            kinds = np.zeros(mask.shape, dtype=np.int64)
            kinds[:, length // 2 :] = 1
            if count > 2:
                kinds[:, -1] = 2
            result["token_type_ids"] = (kinds * (mask if side == "right" else 1)).reshape(shape)
        if source:
            result.update(self.source(probe, masked=side is not None))
        if target and decoding.has_decoder(self):
            result.update(decoding.target(self, probe, length, side, embeds))
        if labels and decoding.has_decoder(self) and self.generates:
            result.update(decoding.target_labels(self, probe, length))
        elif labels:
            result.update(self.labels(probe, ids.reshape(shape), mask.reshape(shape)))
        return self.ordered(result)

    def vocabulary(self):
        """The number of ids; where there is no vocabulary they are characters."""
        return getattr(self.config, "vocab_size", None) or CHARACTERS

    def embedding_size(self):
        """Width of inputs_embeds."""
        names = ("embedding_size", "input_embedding_size", "hidden_size")
        return next(getattr(self.config, name) for name in names if hasattr(self.config, name))

    def source(self, probe, masked):
        """The states a cross-attending decoder reads."""
        crossing = getattr(self.config, "add_cross_attention", False)
        if not (crossing and self.config.is_decoder and self.takes("encoder_hidden_states")):
            return {}
        shape = (ROWS, SOURCE_LENGTH, self.config.hidden_size)
        result = {"encoder_hidden_states": self.filled("source", "encoder_hidden_states", shape)}
        if masked:
            mask = np.ones(shape[:2], dtype=np.int64)
            mask[1, -2:] = 0
            result["encoder_attention_mask"] = mask
        return result

    def labels(self, probe, ids, mask):
        """The labels the class's loss needs; {} if it has none."""
        if self.takes("start_positions"):
            last = ids.shape[1]
            return {
                "start_positions": np.array([2, last + 4]),
                "end_positions": np.array([4, 3]),
            }
        if not self.takes("labels"):
            return {}
        count, name = self.config.num_labels, self.name
        result = {}
        if self.choices:
            return {"labels": np.array([2, 0])}
        if "NextSentence" in name:
            return {"labels": np.array([1, 0])}
        if "SequenceClassification" in name or "ImageClassification" in name:
            return {"labels": self.class_labels(probe, count)}
        if "TokenClassification" in name:
            drawn = self.draw(probe, "labels", ids.shape, 0, count)
            return {"labels": np.where(mask > 0, drawn, -100)}
        if "CausalLM" in name or "LMHead" in name or name.endswith("Decoder"):
            return {"labels": np.where(mask > 0, ids, -100)}
        if "CausalImage" in name:  # the first token, which is no colour, is never predicted
            return {"labels": np.where(mask > 0, np.minimum(ids, self.vocabulary() - 2), -100)}
        if "MaskedLM" in name or "PreTraining" in name:
            keep = self.draw(probe, "labelled", ids.shape, 0, 2)
            keep[:, 1] = 1
            drawn = self.draw(probe, "labels", ids.shape, FIRST_ID, self.vocabulary())
            result["labels"] = np.where((keep > 0) & (mask > 0), drawn, -100)
            second = [name for name in SECOND_LABELS if self.takes(name)]
            result.update({name: np.array([1, 0]) for name in second})
            return result
        raise SystemExit(f"no rule for the labels of {name}")

    def class_labels(self, probe, count):
        """Labels of a classifier, by its problem type."""
        problem = self.config.problem_type
        if problem == "multi_label_classification":
            bits = self.draw(probe, "labels", (ROWS, count), 0, 2)
            bits[0, 0], bits[1, 0] = 1, 0
            return Stored(bits.astype(np.float32))
        if problem == "regression" or count == 1:
            shape = (ROWS, count) if count > 1 else (ROWS,)
            return self.filled(probe, "labels", shape)
        return np.array([1, count - 1])

    # vision -------------------------------------------------------------------------------------
    def image(self, probe, size=None, labels=False, masked=False):
        """Pixels, and what the class's loss needs."""
        own = self.spec.size or self.config.image_size
        size = tuple(size) if size else tuple(own) if isinstance(own, (list, tuple)) else (own, own)
        shape = (ROWS, self.config.num_channels, *size)
        result = {"pixel_values": self.filled(probe, "pixel_values", shape, "normal", 0.0, 0.8)}
        has_token = getattr(self.config, "use_mask_token", False)
        can_mask = "MaskedImage" in self.name or self.spec.init.get("use_mask_token", has_token)
        if masked and can_mask and self.takes("bool_masked_pos"):
            patches = (size[0] // self.config.patch_size) * (size[1] // self.config.patch_size)
            drawn = self.draw(probe, "masked", (ROWS, patches), 0, 2) > 0
            result["bool_masked_pos"] = drawn & (masked != "none")
        if labels and self.takes("labels"):
            if "SemanticSegmentation" in self.name:
                result["labels"] = self.class_map(probe, size)
            else:
                result.update(self.labels(probe, None, None))
        return self.ordered(result)

    def class_map(self, probe, size):
        """A class for each pixel; some are ignored."""
        count = self.config.num_labels
        drawn = self.draw(probe, "labels", (ROWS, *size), 0, count + 1)
        return np.where(drawn == count, self.config.semantic_loss_ignore_index, drawn)


@dataclass(frozen=True)
class Stored:
    """A float input of whole numbers, stored with the integers."""

    array: np.ndarray

    def value(self):
        """The array."""
        return self.array


def value(item):
    """The numpy array of an input."""
    return item.value() if isinstance(item, (Filled, Stored)) else item


def to_torch(inputs, dtype):
    """Tensors of a call's inputs, the float ones in `dtype`."""
    result = {}
    for name, item in inputs.items():
        tensor = torch.from_numpy(np.array(value(item)))
        result[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return as_given(result)


def as_given(inputs):
    """Inputs with dotted names put together, as models take them."""
    return mappings({name: _whole(item) for name, item in nested(inputs).items()})


def _whole(item):
    """A list is a tuple, and a dictionary of lists a list of dictionaries."""
    if isinstance(item, dict):
        return [dict(zip(item, row, strict=True)) for row in zip(*item.values(), strict=True)]
    return tuple(item) if isinstance(item, list) else item


def describe(inputs, pools):
    """What case.json says of a call's inputs."""
    result = {}
    for name, item in inputs.items():
        array = value(item)
        entry = {"dtype": str(array.dtype), "shape": list(array.shape)}
        if isinstance(item, Filled):
            entry.update(key=item.key, fill=list(item.rule))
        else:
            whole = array.astype(np.int64)
            if not np.array_equal(whole, array):
                raise SystemExit(f"{name}: `values` are whole numbers; write `normal: [0, 1]`")
            entry["at"] = pools.add(whole)[1]
        result[name] = entry
    return result
