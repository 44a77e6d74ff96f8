"""Record reference cases: python tests/references/record.py MODEL_TYPE --python REFERENCE_PYTHON

The recorder runs in its own environment (requirements.txt), never in the product's. Its
interpreter is given by --python or the variable TRIPTYCH_REFERENCE_PYTHON.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VARIABLE = "TRIPTYCH_REFERENCE_PYTHON"
NEEDED = ("torch", "transformers", "safetensors", "numpy", "yaml")


def check_environment(python):
    """Stop with a clear message unless the interpreter exists and has the packages."""
    code = (
        "import importlib.util as u;"
        f"print(','.join(n for n in {NEEDED!r} if u.find_spec(n) is None))"
    )
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError as problem:
        raise SystemExit(f"cannot run {python}: {problem.strerror}") from None
    if answer.returncode:
        raise SystemExit(f"{python} does not work: {answer.stderr.strip()[-300:]}")
    if missing := answer.stdout.strip():
        raise SystemExit(
            f"{python} lacks {missing}; install {HERE.name}/requirements.txt there "
            "(pip install -r), or name another interpreter with --python"
        )


def main():
    """Parse the command line and run the recorder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_type")
    parser.add_argument("--class", dest="class_name", help="only this class")
    parser.add_argument("--case", dest="case_name", help="only this case")
    parser.add_argument("--seed", type=int, help="another seed; needs --out")
    parser.add_argument("--all", action="store_true", help="the extra cases too; needs --out")
    parser.add_argument("--out", help="folder to write to, instead of this one")
    parser.add_argument("--python", default=os.environ.get(VARIABLE), help=f"or ${VARIABLE}")
    options = parser.parse_args()
    if not options.python:
        parser.error(f"give --python, or set {VARIABLE}, to the reference environment's python")
    if not options.out and (options.all or options.seed is not None):
        parser.error("--all and --seed need --out: they are not kept beside the listed cases")
    check_environment(options.python)
    command = [options.python, "-m", "references.recorder", options.model_type]
    command += ["--out", str(Path(options.out).resolve() if options.out else HERE)]
    for flag, value in (("--class", options.class_name), ("--case", options.case_name)):
        command += [flag, value] if value else []
    command += ["--seed", str(options.seed)] if options.seed is not None else []
    command += ["--all"] if options.all else []
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    sys.exit(subprocess.run(command, env=environment, cwd=HERE.parent, check=False).returncode)


if __name__ == "__main__":
    main()
