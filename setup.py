"""Maps the repository's folders onto the import package; everything else is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

FOLDERS = {
    "triptych": "runtime",
    "triptych.models": "generated",
    "triptych.generator": "generator",
    "triptych.specs": "specs",
    "triptych.templates": "templates",
}

packages = list(FOLDERS)
for package, folder in FOLDERS.items():
    packages += [f"{package}.{name}" for name in find_namespace_packages(folder)]

setup(
    package_dir=FOLDERS,
    packages=packages,
    package_data={name: ["*.yaml", "*.json", "*.j2", "*.md"] for name in packages},
)
