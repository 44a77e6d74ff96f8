"""Decoding in TensorFlow."""
