"""Training of the language model whose prompt passes through a bottleneck of a few numbers."""
