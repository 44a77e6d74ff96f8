"""The tests are tested: generated code with one thing flipped must turn the parity suite red."""
