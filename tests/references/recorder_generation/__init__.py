"""The recorder of generations: runs in the reference environments only, for `generation.py`."""
