"""Measures speed and memory against the reference and against what the machine can do at best.

    python tests/benchmarks/run.py [--only NAME ...] [--quick] [--json OUT] [--markdown OUT]

Nothing is asserted. See README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib import import_module
from pathlib import Path

from options import Options
from report import Section, as_json, markdown, text
from workers import WorkerError

MEASUREMENTS = (
    "forward",
    "load",
    "imports",
    "generator",
    "compilation",
    "scan",
    "decoding",
    "generation",
)


def main() -> int:
    given = parse()
    os.environ["BENCHMARK_CLOCK"] = given.clock
    os.environ["BENCHMARK_THREADS"] = str(given.threads or "")
    options = Options(
        product=sys.executable,
        reference=given.reference_python,
        reference_tf=given.reference_tf_python,
        frameworks=tuple(given.frameworks),
        models=tuple(given.models),
        cases=tuple(given.cases),
        quick=given.quick,
        compiled=given.compile,
        rounds=given.rounds,
    )
    facts = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "threads": given.threads,
        "clock": given.clock,
        "quick": given.quick,
    }
    heading = _heading(facts)
    sections = []
    for name in given.only or MEASUREMENTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        module = import_module(f"measurements.{name}")
        try:
            for section in module.measure(options):
                sections.append(section)
                print(text([section]), end="\n\n", flush=True)
                if given.json:  # what is there, should a later one not come to its end
                    Path(given.json).write_text(as_json(sections, **facts))
        except WorkerError as error:
            sections.append(Section(name, [], [f"failed: {str(error).strip().splitlines()[-1]}"]))
            print(f"{name} failed:\n{error}", file=sys.stderr)
    print(f"{heading}\n\n{text(sections)}")
    if given.markdown:
        Path(given.markdown).write_text(markdown(sections, heading))
    return 0


def _heading(facts: dict) -> str:
    parts = ["{machine}", "load average {load} at the start"]
    parts += ["{threads} threads"] if facts["threads"] else []
    parts += ["processor time"] if facts["clock"] == "cpu" else []
    parts += ["a quick run, whose numbers mean little"] if facts["quick"] else []
    return "; ".join(parts).format(**facts) + "."


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS))
    add("--quick", action="store_true", help="two layers and two rounds: does it still run?")
    add("--frameworks", nargs="+", default=["pytorch", "tensorflow", "flax"], metavar="NAME")
    add("--models", nargs="+", default=[], metavar="NAME", help="of forward, load, generation")
    add("--cases", nargs="+", default=[], metavar="TEXT", help="of generation, such as 'batch 1'")
    add("--compile", action="store_true", help="torch.compile too (needs a C++ compiler)")
    add("--rounds", type=int, help="how often processes take turns")
    add("--threads", type=int, help="cores that a process may use")
    add(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: for one thread, among others"
    )
    add("--json", metavar="OUT")
    add("--markdown", metavar="OUT")
    add(
        "--reference-python",
        default=os.environ.get("TRIPTYCH_REFERENCE_PYTHON"),
        help="a Python with the reference in PyTorch [TRIPTYCH_REFERENCE_PYTHON]",
    )
    add(
        "--reference-tf-python",
        default=os.environ.get("TRIPTYCH_REFERENCE_TF_PYTHON"),
        help="one with its TensorFlow and Flax classes [TRIPTYCH_REFERENCE_TF_PYTHON]",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
