"""Record cases: python -m references.recorder MODEL_TYPE --out DIR [--class C] [--case K] ..."""

from . import environment  # isort: skip

import argparse
import time

from . import lists, recording


def main():
    """Parse the command line and record."""
    parser = argparse.ArgumentParser(prog="recorder")
    parser.add_argument("model_type")
    parser.add_argument("--out", required=True)
    parser.add_argument("--class", dest="class_name")
    parser.add_argument("--case", dest="case_name")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    versions = environment.check_versions()
    specs = lists.case_list(options.model_type)
    for config_class in sorted({spec.config_class for spec in specs}):
        recording.record_defaults(config_class, options.out, specs[0].least)
    named = options.case_name is not None
    specs = [
        spec
        for spec in specs
        if options.class_name in (None, spec.class_name)
        and options.case_name in (None, spec.name)
        and (options.all or named or not spec.extra)
    ]
    if not specs:
        raise SystemExit("no such class or case in the list")
    for index, spec in enumerate(specs, 1):
        if options.seed is not None:
            spec.seed = options.seed
        start = time.monotonic()
        where = f"{spec.class_name}/{spec.name}"
        try:
            _, size, skipped = recording.record_case(spec, options.out, versions)
        except SystemExit as refused:
            raise SystemExit(f"{where}: {refused}") from None
        except Exception as problem:
            raise SystemExit(f"{where}: {type(problem).__name__}: {problem}") from problem
        seconds = time.monotonic() - start
        note = f"  without {', '.join(skipped)}" if skipped else ""
        print(
            f"[{index}/{len(specs)}] {where}  {size / 1024:.0f} KB  {seconds:.1f} s{note}",
            flush=True,
        )


if __name__ == "__main__":
    main()
