"""The scores that need a model, as far as anybody can say without it: which function, and its range."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from smoothgen.certificates.score_claims import ScoreIdentity

PROFANITY_EXTRA: Final = "the package alt-profanity-check beside the workers (pip install 'smoothgen[profanity]')"
CLIP_SETTING: Final = "a CLIP model at the workers (SMOOTHGEN_CLIP_MODEL names its folder)"


def similarity_identity(reference: str, encoder: str | None = None) -> ScoreIdentity:
    """Returns the identity of the similarity to a reference text, which is named by its digest: it may be as
    confidential as the prompt, and certificates are kept for longer.

    encoder: the name of the sentence encoder, None where it is not known.
    """
    digest = hashlib.sha256(reference.encode()).hexdigest()
    named = {} if encoder is None else {"encoder": encoder}
    return ScoreIdentity("similarity", -1.0, 1.0, options={"reference": f"sha256:{digest}", **named})


def verdict_identity(verdict: str) -> ScoreIdentity:
    """Returns the identity of the score "the model's picture classifier calls it this"."""
    return ScoreIdentity("verdict", 0.0, 1.0, two_valued=True, options={"verdict": verdict})


def profanity_identity(model: str | None = None) -> ScoreIdentity:
    """Returns the identity of the probability that a text is profane. model: package and version of the classifier,
    None where it is not known."""
    return ScoreIdentity("profanity", 0.0, 1.0, options={} if model is None else {"model": model})


def clip_similarity_identity(prompt: str | None = None, encoder: str | None = None) -> ScoreIdentity:
    """Returns the identity of the CLIP similarity of a picture to the request's prompt, which is named by its digest.

    encoder: the name of the CLIP model, None where it is not known.
    """
    named = {} if encoder is None else {"encoder": encoder}
    if prompt is not None:
        named["prompt"] = f"sha256:{hashlib.sha256(prompt.encode()).hexdigest()}"
    return ScoreIdentity("clip_similarity", -1.0, 1.0, options=named)


def identity_without_model(name: str, options: Mapping[str, Any]) -> ScoreIdentity | None:
    """Returns the identity of a score that needs a model, None for another."""
    if name == "similarity":
        return similarity_identity(str(options["reference"]))
    if name == "verdict":
        return verdict_identity(str(options["verdict"]))
    if name == "profanity":
        return profanity_identity()
    return clip_similarity_identity() if name == "clip_similarity" else None
