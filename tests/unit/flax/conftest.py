"""Tests compile many small programs and run each once: compiling fast counts, not running fast."""

import jax

jax.config.update("jax_disable_most_optimizations", True)
