"""Generation: `generate` of our models against the recorded tokens of the reference."""
