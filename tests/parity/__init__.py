"""Parity: generated models against the recorded answers of the reference, in every framework."""
