"""BLEU of outputs against references, by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.errors import InvalidParameters


def bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Returns the corpus BLEU in [0, 100] of texts, each against one reference or more of its own.

    sacrebleu's default tokeniser and smoothing, and orders up to the length of what is compared: outputs of a few
    words have no four-grams. Papineni et al. (2002), Post (2018). Raises InvalidParameters without a text or without a
    reference for one.
    """
    if not texts or len(texts) != len(references) or not all(references):
        raise InvalidParameters(
            f"BLEU needs a reference or more for every text, got {len(texts)} texts and {len(references)} references",
            field="references",
        )
    from sacrebleu.metrics import BLEU

    most = max(map(len, references))
    # A stream holds the k-th reference of every text; texts with fewer have None there.
    streams = [[of[k] if k < len(of) else None for of in references] for k in range(most)]
    return float(BLEU(effective_order=True).corpus_score(list(texts), streams).score)
