"""Makes sure that Keras runs on TensorFlow; imported before anything that imports Keras."""

from __future__ import annotations

import os

from ..errors import MissingFrameworkError, TriptychError

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

try:
    import keras
    import tensorflow  # noqa: F401
except ImportError as error:
    raise MissingFrameworkError("tensorflow") from error

if keras.backend.backend() != "tensorflow":
    raise TriptychError(
        "Keras runs on another backend",
        expected="tensorflow",
        found=keras.backend.backend(),
        hint="Set KERAS_BACKEND=tensorflow before Keras is imported",
    )
