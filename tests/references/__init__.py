"""Recorded reference cases and the recorder that makes them; see README.md."""
