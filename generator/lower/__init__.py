"""From typed IR to the source of each framework."""
