"""Configurations of backbones, which name the stages whose features they return."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, show
from .base import PretrainedConfig


def stages(count: int) -> list[str]:
    """The usual names: the stem, then `count` stages from 1."""
    return ["stem", *(f"stage{index}" for index in range(1, count + 1))]


class BackboneConfig(PretrainedConfig):
    """Adds `stage_names`, and the stages to return by name and by index.

    The subclass sets `stage_names` in `complete`, and has the width of each stage's feature maps
    as `stage_channels`. Either of `out_features` and `out_indices`
    follows from the other; with neither, the last stage is returned.
    """

    stage_names: list[str] | None = None
    out_features: list[str] | None = None
    out_indices: list[int] | None = None

    def _finish(self) -> None:
        self.complete()
        self._align(self.out_features, self.out_indices)
        self.validate()

    def __setattr__(self, name: str, value: Any) -> None:
        aligned = None not in (vars(self).get("out_features"), vars(self).get("out_indices"))
        super().__setattr__(name, value)
        if not aligned:  # still under construction
            return
        if name == "out_features":
            self._align(self.out_features, None)
        elif name == "out_indices":
            self._align(None, self.out_indices)

    def _align(self, features: list[str] | None, indices: list[int] | None) -> None:
        stages = self.stage_names
        if not stages:
            raise ConfigError(key="stage_names", expected="names", found=show(stages))
        if features is None and indices is None:
            indices = [len(stages) - 1]
        if indices is None:
            indices = [self._index(name) for name in features]
        for index in indices:
            if not -len(stages) <= index < len(stages):
                expected = f"indices of the {len(stages)} stages"
                raise ConfigError(key="out_indices", expected=expected, found=show(indices))
        names = [stages[index] for index in indices]
        if features is not None and list(features) != names:
            expected = f"{names}, which are the stages {list(indices)}"
            raise ConfigError(key="out_features", expected=expected, found=show(features))
        positions = [index % len(stages) for index in indices]
        if positions != sorted(set(positions)):
            expected = "stages in their order, each once"
            raise ConfigError(key="out_features", expected=expected, found=show(names))
        vars(self).update(out_features=names, out_indices=list(indices))

    @property
    def channels(self) -> list[int]:
        """The widths of the feature maps that are returned."""
        return [self.stage_channels[index] for index in self.out_indices]

    def _index(self, name: str) -> int:
        if name not in self.stage_names:
            names = ", ".join(self.stage_names)
            raise ConfigError(key="out_features", expected=f"some of {names}", found=show(name))
        return self.stage_names.index(name)
