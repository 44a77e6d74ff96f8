"""From located data to typed IR: parse, resolve, infer."""
