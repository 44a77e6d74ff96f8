"""Record generations: python tests/references/record_generation.py [MODEL_TYPE ...] --python P

The recorder runs in two environments of its own (requirements.txt, requirements-4.49.txt), never
in the product's. Their interpreters are given by --python and --python-4.49, or by the variables
TRIPTYCH_REFERENCE_PYTHON and TRIPTYCH_REFERENCE_449_PYTHON. Without model types: all of them.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VARIABLES = ("TRIPTYCH_REFERENCE_PYTHON", "TRIPTYCH_REFERENCE_449_PYTHON")


def main():
    """Run the recorder in one environment after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_types", nargs="*", metavar="MODEL_TYPE")
    parser.add_argument("--class", dest="class_name", help="only this class")
    parser.add_argument("--out", default=HERE / "generation", help="folder to write to")
    for option, variable in zip(("--python", "--python-4.49"), VARIABLES, strict=True):
        name = option.strip("-").replace("-", "_").replace(".", "")
        default = os.environ.get(variable)
        parser.add_argument(option, dest=name, default=default, help=f"or ${variable}")
    given = parser.parse_args()
    if not given.python or not given.python_449:
        parser.error(f"give --python and --python-4.49, or set {' and '.join(VARIABLES)}")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    arguments = ["-m", "references.recorder_generation", *given.model_types]
    arguments += ["--out", str(Path(given.out).resolve())]
    arguments += ["--class", given.class_name] if given.class_name else []
    for python in (given.python, given.python_449):
        command = [python, *arguments]
        done = subprocess.run(command, env=environment, cwd=HERE.parent, check=False)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
