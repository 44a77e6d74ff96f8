"""The page that says what was compared: python -m tests.generation.table SUMMARY... > PAGE

Each SUMMARY is what `verify --json` wrote; later ones go before earlier ones, recording by
recording, or call by call where they ran only some.
"""

import json
import sys
from pathlib import Path

TITLES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "flax": "Flax"}
HEAD = """\
# Generation: what was compared

Recorded calls of the reference's `generate` whose tokens ours gives as well, of all that were
compared: greedy decoding, beams, diverse beams, contrastive search, lookup in the prompt and
assisted decoding for every class that has them; every rule, too, for four of them. Measured by
`python -m tests.generation.verify`; the recordings are in `tests/references/generation`.

"""


def merged(paths):
    """{framework: {recording: {call: passed}}}."""
    found = {}
    for path in paths:
        for framework, recordings in json.loads(Path(path).read_text("utf-8")).items():
            for name, result in recordings.items():
                calls = found.setdefault(framework, {}).setdefault(name, {})
                gaps = (line.split(": ")[1] for line in result.get("gaps", ()))
                other = {*result["failed"], *gaps}
                calls.update({call: call not in other for call in result["seconds"]})
    return found


def page(found):
    """The text of the page."""
    names = sorted({name for recordings in found.values() for name in recordings}, key=str.lower)
    lines = ["| class | case | " + " | ".join(TITLES.values()) + " | different |", "|---" * 6 + "|"]
    for name in names:
        _, class_name, case = name.split("/")
        cells, failed = [], set()
        for framework in TITLES:
            calls = found.get(framework, {}).get(name, {})
            failed |= {call for call, passed in calls.items() if not passed}
            cells.append(f"{sum(calls.values())} of {len(calls)}" if calls else "not run")
        other = ", ".join(f"`{call}`" for call in sorted(failed))
        lines.append(f"| {class_name} | {case} | {' | '.join(cells)} | {other} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(merged(sys.argv[1:])))
