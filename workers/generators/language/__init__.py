"""Language models: the adapter that reads noisy token embeddings, and everything that loads one from a folder."""
