"""Known gaps, each stated with its reason in gaps.json: {class, case, call, frameworks, reason}.

`frameworks` is absent where it is all of them. A stated gap that passes fails for being stated.
"""

import json
from functools import cache
from pathlib import Path


@cache
def _rows():
    return json.loads(Path(__file__).with_name("gaps.json").read_text(encoding="utf-8"))


def stated(framework, recording):
    """{call: reason} of a recording."""
    return {
        row["call"]: row["reason"]
        for row in _rows()
        if (row["class"], row["case"]) == (recording.class_name, recording.name)
        and framework in row.get("frameworks", [framework])
    }


def take(report, call, reason):
    """Turns the failures of a call into a known gap."""
    failed = [check for check in report.failures if check.probe == call]
    if failed:
        report.checks = [check for check in report.checks if check not in failed]
        report.gaps.append(f"{call}: {reason}")
    else:
        report.add_flag(call, "gap", False, "is no gap, as gaps.json says")
