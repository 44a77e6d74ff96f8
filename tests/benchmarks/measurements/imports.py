"""How long imports take."""

from __future__ import annotations

from collections.abc import Iterator

from options import Options
from report import Row, Section
from workers import alternate_once

PACKAGE = 0.15  # seconds
CLASS = 1.1  # times the framework's own import
FRAMEWORKS = {
    "pytorch": ("import torch", "from triptych.models.bert.modeling_bert import BertModel"),
    "tensorflow": (
        "import keras, tensorflow",
        "from triptych.models.bert.modeling_tf_bert import TFBertModel",
    ),
    "flax": (
        "import jax; from flax import nnx",
        "from triptych.models.bert.modeling_flax_bert import FlaxBertModel",
    ),
}


def measure(options: Options) -> Iterator[Section]:
    def task(*statements: str) -> tuple:
        return options.product, "files", "imported", {"statements": list(statements)}

    tasks = {"package": task("import triptych")}
    for framework in options.frameworks:
        own, ours = FRAMEWORKS[framework]
        tasks[f"{framework} itself"] = task(own)
        tasks[framework] = task(ours)
    times = alternate_once(tasks, options.count(7), ("seconds",))["seconds"]
    rows = [
        Row(
            "import triptych",
            ours=1000 * times.seconds("package"),
            required=1000 * PACKAGE,
            judged="ours",
        )
    ]
    for framework in options.frameworks:
        own, ours = FRAMEWORKS[framework]
        itself = f"{framework} itself"
        rows.append(
            Row(
                f"{ours.split()[-1]}, against: {own}",
                ours=1000 * times.seconds(framework),
                limit=1000 * times.seconds(itself),
                limit_ratios=times.ratios(framework, itself),
                required=CLASS if framework == "pytorch" else None,
                judged="over_limit",
            )
        )
    yield Section("Import", rows)
