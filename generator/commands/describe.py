"""`triptych describe`: what a spec's configuration, models, inputs and outputs are."""

from __future__ import annotations

import json
import subprocess
import sys

from .common import OK, Session, UsageError, add_specs, counted

HELP = "print a spec's options, models, inputs and outputs"
COUNT = """
import importlib, json, sys
import torch
folder, config, names, options = json.loads(sys.stdin.read())
module = importlib.import_module("triptych.models." + folder)
counts = {}
for name in names:
    with torch.device("meta"):
        model = getattr(module, name)(getattr(module, config)(**options))
    counts[name] = sum(p.numel() for p in model.parameters())
print(json.dumps(counts))
"""


def add_arguments(parser) -> None:
    add_specs(parser, 1)
    parser.add_argument(
        "--preset", help="the preset whose parameters are counted; default: the first"
    )
    parser.add_argument(
        "--no-count", action="store_true", help="count no parameters (they need PyTorch)"
    )


def run(session: Session) -> int:
    from .compile import compile_specs, make_tasks

    (path,) = session.places.find_specs(session.arguments.specs)
    outcome = compile_specs(make_tasks([path], session.places, None), session.cache)
    if len(outcome.errors):
        return session.fail(outcome.errors)
    facts = outcome.compiled[0].facts
    preset = _preset(session, facts)
    session.result["spec"] = facts
    counts = _parameters(session, facts, preset, session.places.is_own(path))
    session.result["preset"], session.result["parameters"] = preset, counts
    _print(session, facts, preset, counts)
    return OK


def _preset(session: Session, facts) -> str | None:
    chosen = session.arguments.preset
    if chosen is not None and chosen not in facts["presets"]:
        known = ", ".join(facts["presets"]) or "none"
        raise UsageError(f"--preset: {facts['name']} has no preset {chosen!r}; it has {known}")
    return chosen or next(iter(facts["presets"]), None)


def _parameters(session: Session, facts, preset, own: bool) -> dict[str, int] | None:
    """Parameters of each PyTorch class, counted without memory for them; None where that fails."""
    generated = session.places.generated
    if session.arguments.no_count or not own or generated is None:
        return None
    if not (generated / facts["folder"]).is_dir():
        session.note("parameters are not counted: run `triptych generate` first")
        return None
    config = next(c["name"] for c in facts["configs"] if c["main"])
    names = [model["classes"]["pytorch"] for model in facts["models"]]
    request = json.dumps([facts["folder"], config, names, facts["presets"].get(preset) or {}])
    command = [sys.executable, "-c", COUNT]
    done = subprocess.run(command, input=request, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        session.note(f"parameters are not counted: {last}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def _print(session: Session, facts, preset, counts) -> None:
    bold = lambda text: session.out(text, "bold")  # noqa: E731
    session.say(f"{bold(facts['name'])} ({facts['source']})\n{facts['summary']}")
    for config in facts["configs"]:
        session.say(f"\n{bold(config['name'])}")
        _columns(
            session,
            [(f["name"], f["type"], f["default"], f["doc"] or "") for f in config["fields"]],
        )
    for model in facts["models"]:
        names = ", ".join(model["classes"].values())
        count = (counts or {}).get(model["classes"]["pytorch"])
        size = f": {counted(count, 'parameter')} as {preset}" if count is not None else ""
        session.say(f"\n{bold(names)}{size}")
        entries = [("input", i["name"], i["type"], _need(i)) for i in model["inputs"]]
        entries += [("output", o["name"], o["type"], "") for o in model["outputs"]]
        _columns(session, entries)
    session.say(f"\n{bold('presets')}")
    for name, options in facts["presets"].items():
        session.say(f"  {name}: {json.dumps(options) if options else 'the defaults'}")


def _need(entry) -> str:
    if entry["one_of"]:
        return "one of these"
    return "required" if entry["required"] else ""


def _columns(session: Session, rows) -> None:
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        session.say(f"  {'  '.join(cells)}  {row[3]}".rstrip())
