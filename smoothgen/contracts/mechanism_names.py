"""The names by which a request says where the noise goes, and model cards say what a model offers.

A certificate names the mechanism by its kind of noise instead: `smoothgen.mechanisms.registry` has those names.
"""

from __future__ import annotations

from typing import Final

EMBEDDING: Final = "embedding"
"""One draw on the prompt's embedding, held through all steps."""
EMBEDDING_SHAPED: Final = "embedding-shaped"
"""One draw on the prompt's embedding, longer in some directions than in others."""
EMBEDDING_PER_STEP: Final = "embedding-per-step"
"""A fresh draw on the prompt's embedding at every denoising step."""
LATENT_SCHEDULE: Final = "latent-schedule"
"""Noise on the initial latent, or on the latent of the seed image."""
IMG2IMG: Final = "img2img"
"""The pipeline's own forward noise on the seed image."""
TOKENS: Final = "tokens"
"""No noise: embeddings are snapped to their nearest tokens, and the model runs on each sequence an attack can reach."""
EDITS: Final = "edits"
"""No noise: the model runs on a public set of edits of the prompt, or on texts drawn from it."""
PASSAGES: Final = "passages"
"""No noise: every run reads some of the passages of the request's context, and leaves the others out."""
WORDS: Final = "words"
"""No noise: every run reads some of the words of the context, or of the prompt where there is none."""
OF_UNITS: Final = frozenset({PASSAGES, WORDS})
"""The mechanisms whose runs keep some units of the text and leave the others out."""
UNNOISED: Final = frozenset({TOKENS, EDITS}) | OF_UNITS
"""The mechanisms that draw no noise: they run the model on other prompts instead."""
