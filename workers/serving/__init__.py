"""The work loop: a worker takes work items, computes them in one thread, and stores what came of them."""
