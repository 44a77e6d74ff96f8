"""The recorder: runs in the reference environment only, as `python -m references.recorder`."""
