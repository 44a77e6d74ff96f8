"""Decoding in PyTorch."""
