"""python -m benchmarks.soak: many jobs of every kind, and what of them stays in memory. See __main__."""
