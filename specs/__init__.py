"""The architectures, libraries and the JSON Schema of the spec language, as package data."""
