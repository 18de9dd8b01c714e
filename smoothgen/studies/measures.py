"""Names of the measures of fidelity, written by whoever measures and read by reports and gates."""

from __future__ import annotations

from typing import Final

FRECHET: Final = "Fréchet distance in our feature space"
FRECHET_INCEPTION: Final = "Fréchet Inception distance"
FRECHET_OF_PROMPTS: Final = "Fréchet distance between the plain outputs of two halves of the prompts"
CLIP_SCORE: Final = "CLIP score"
PERPLEXITY: Final = "perplexity"
PERPLEXITY_INCREASE: Final = "perplexity increase"
BLEU: Final = "BLEU against paraphrases"
BLEU_PLAIN: Final = "BLEU against the plain output"
EMPIRICAL_W1: Final = "empirical W1 under a random attack"
EMPIRICAL_W1_FLOOR: Final = "empirical W1 of two halves without an attack"
AGREEMENT: Final = "agreement with the plain output"
ACCURACY: Final = "outputs whose classified name stands in the prompt"
OVERHEAD: Final = "seconds per noisy sample over seconds per plain sample"

PLAIN: Final = "plain"
"""The setting of outputs without noise and without a certificate: what the model says when nobody protects it."""
