"""Decoding in JAX."""
