"""How the shipped text-to-image model was made: `make train`, or python -m workers.training."""
