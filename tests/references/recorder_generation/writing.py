"""The files of recordings: one call and one prompt a line."""

import json


def text(data):
    """A recording file: its long lists an entry a line."""
    head = {key: value for key, value in data.items() if key != "cases"}
    lines = [json.dumps(head)[:-1] + ', "cases": {']
    for index, (name, case) in enumerate(data["cases"].items()):
        lines += [(", " if index else "") + json.dumps(name) + ": {"]
        prompts = [f"{json.dumps(n)}: {_row(p)}" for n, p in sorted(case["prompts"].items())]
        lines += [' "prompts": {', _joined(prompts) + "},"]
        rest = {k: v for k, v in case.items() if k not in ("prompts", "calls")}
        lines += [" " + json.dumps(rest)[1:-1] + "," if rest else ""]
        lines += [' "calls": [', _joined([_row(call) for call in case["calls"]]) + "]}"]
    return "\n".join(line for line in lines if line) + "\n}}\n"


def _joined(rows):
    return ",\n".join("  " + row for row in rows)


def _row(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
