"""The work loop and what it runs: it takes work items, computes them in one thread, and stores what came of them."""
