"""Names of the measures of fidelity, written by whoever measures and read by reports and gates."""

from __future__ import annotations

from typing import Final

FRECHET: Final = "Fréchet distance in our feature space"
FRECHET_INCEPTION: Final = "Fréchet Inception distance"
FRECHET_FLOOR: Final = "Fréchet distance of two halves of the plain outputs"
CLIP_SCORE: Final = "CLIP score"
PERPLEXITY: Final = "perplexity"
PERPLEXITY_INCREASE: Final = "perplexity increase"
BLEU: Final = "BLEU against paraphrases"
EMPIRICAL_W1: Final = "empirical W1, half against half"
AGREEMENT: Final = "agreement with the plain output"
ACCURACY: Final = "accuracy of the picture classifier"
OVERHEAD: Final = "seconds per noisy sample over seconds per plain sample"

PLAIN: Final = "plain"
"""The setting of outputs without noise and without a certificate: what the model says when nobody protects it."""
