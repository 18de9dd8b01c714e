"""The scores that need a model, as far as anybody can say without it: which function, and its range."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from smoothgen.certificates.score_claims import ScoreIdentity


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


def identity_without_model(name: str, options: Mapping[str, Any]) -> ScoreIdentity | None:
    """Returns the identity of a score that needs a model, None for another."""
    if name == "similarity":
        return similarity_identity(str(options["reference"]))
    return verdict_identity(str(options["verdict"])) if name == "verdict" else None
