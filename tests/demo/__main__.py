"""The main job: one trained sentence encoder, in three frameworks, against the reference.

    python tests/demo

Without a network, or with TRIPTYCH_OFFLINE set, a small checkpoint with random weights takes its
place.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from packages import OfflineError  # noqa: E402
from references import case as cases  # noqa: E402
from triptych.generator.progress import Style, is_terminal  # noqa: E402

from demo.checkpoint import CHECKPOINT  # noqa: E402

FRAMEWORKS = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "flax": "Flax"}
TOLERANCE = 1e-5
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
SMALL = "bert/BertModel/default"
style = Style(sys.stdout)


def say(text="", *names):
    """A line, at once."""
    print(style(text, *names) if names else text, flush=True)


def run_all(folder, source, place):
    """{framework: arrays}, each from a process of its own."""
    results = {}
    for framework, title in FRAMEWORKS.items():
        if is_terminal(sys.stdout):
            print(f"  {title:12}...", end="\r", flush=True)
        target = Path(place) / f"{framework}.npz"
        done = subprocess.run(
            [sys.executable, str(HERE / "encode.py"), framework, str(folder), str(source), target],
            env=os.environ | QUIET,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            say(f"  {title:12}failed", "red")
            raise SystemExit(done.stderr[-2000:])
        results[framework] = found = dict(np.load(target))
        times = f"started and loaded in {found['load']:.1f} s, run in {found['run']:.1f} s"
        say(f"  {title:12}{found['class_name']!s:16}{times}")
    return results


def compare(results, name, reference):
    """Prints and returns the largest differences, between frameworks and to the reference."""
    arrays = {title: results[framework][name] for framework, title in FRAMEWORKS.items()}
    arrays["the reference"] = reference
    titles, worst = list(arrays), 0.0
    say()
    say("Largest difference between", "bold")
    for position, first in enumerate(titles):
        for second in titles[position + 1 :]:
            difference = float(np.abs(arrays[first] - arrays[second]).max())
            worst = max(worst, difference)
            good = difference <= TOLERANCE
            number = style(f"{difference:.1e}", "green" if good else "red")
            say(f"  {f'{first} and {second}':32}{number}")
    return worst


def show_similarities(sentences, embeddings):
    """The matrix, a line per sentence."""
    similarity = embeddings @ embeddings.T
    width = max(map(len, sentences))
    say()
    say("Similarity of the sentences (cosine)", "bold")
    numbers = range(len(sentences))
    say(" " * (width + 4) + "".join(f"{number + 1:5}" for number in numbers), "dim")
    for row, sentence in enumerate(sentences):
        cells = "".join(_cell(similarity[row, column], row == column) for column in numbers)
        say(f"  {row + 1} {sentence:{width}}{cells}")
    np.fill_diagonal(similarity, -1)
    pairs = {tuple(sorted((row, int(similarity[row].argmax())))) for row in numbers}
    closest = ", ".join(f"{first + 1} and {second + 1}" for first, second in sorted(pairs))
    say(f"  Closest to each other: {closest}.")


def _cell(value, diagonal):
    names = ["dim"] if diagonal or value < 0.2 else ["green", "bold"]
    text = f"{round(float(value), 2) + 0.0:.2f}".replace("0.", ".")  # never -0.00
    return style(text.rjust(5), *names)


def real(folder, place):
    """The sentence encoder, on sentences.txt."""
    source, recorded = HERE / "sentences.txt", np.load(HERE / "reference.npz")
    sentences = source.read_text(encoding="utf-8").splitlines()
    results = run_all(folder, source, place)
    for framework, title in FRAMEWORKS.items():
        if not np.array_equal(results[framework]["input_ids"], recorded["input_ids"]):
            raise SystemExit(f"{title}: the tokens are not those of the reference")
    show_similarities(sentences, results["flax"]["embeddings"])
    worst = compare(results, "embeddings", recorded["embeddings"])
    say(f"  The reference: {recorded['made_with']}, recorded in tests/demo/reference.npz.", "dim")
    return worst


def small(place):
    """A recorded case: random weights and inputs, and what the reference makes of them."""
    case = cases.load(SMALL)
    folder, source = case.write_checkpoint(Path(place) / "small"), Path(place) / "inputs.npz"
    probe = next(p for p in case.probes.values() if p.kind == "call" and p.mode == "eval")
    np.savez(source, **probe.calls[0].inputs())
    results = run_all(folder, source, place)
    name = "last_hidden_state"
    expected = probe.calls[0].expected[name]
    return compare(results, name, np.asarray(expected.values).reshape(expected.shape))


def main():
    with tempfile.TemporaryDirectory(prefix="triptych-demo-") as place:
        say("One checkpoint, three frameworks", "bold")
        try:
            folder = CHECKPOINT.fetch(show=lambda line: say(f"  {line}", "dim"))
        except OfflineError as error:
            say(f"  No network ({error}).", "yellow")
            say("  A small checkpoint with random weights takes the place of the trained one.")
            worst = small(place)
        else:
            name = f"{CHECKPOINT.name} {CHECKPOINT.version}"
            say(f"  {name}: a sentence encoder, 22.7 M parameters")
            worst = real(folder, place)
    good = worst <= TOLERANCE
    verdict = "All agree within 1e-5." if good else f"They differ by {worst:.1e}."
    say()
    say(verdict, "green" if good else "red", "bold")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
