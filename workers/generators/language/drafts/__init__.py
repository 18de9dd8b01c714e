"""Drafts: what a job's earlier samples said is checked for a whole batch in one pass of the network.

Noisy samples of one prompt mostly say the same. Decoding token by token takes a pass of the network for every token;
checking a guess of many tokens takes one. The output of a sample never depends on the guess: a token is kept only where
the sample's own logits choose it, by more than rounding could move, and a sample with a nearer tie is decoded again,
alone and token by token (docs/decisions/0031-drafts.md).
"""
