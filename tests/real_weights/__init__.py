"""Published models, end to end. What the reference answers was recorded by `record_*.py`."""
