"""The normalised edit distance over words and punctuation. The distance needs no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from smoothgen.certificates.meaning.metrics import EDIT
from workers.distances.protocol import Centre

_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Words and punctuation marks; white space separates and is not compared."""
    return _TOKEN.findall(text)


def normalised_edit_distance(a: Sequence[str], b: Sequence[str]) -> float:
    """Returns the normalised distance 2L / (|a| + |b| + L), where L is the Levenshtein distance: a metric with values
    in [0, 1] (Li & Liu 2007).

    The more usual L / max(|a|, |b|) is no metric (a counterexample is ab, aba, ba), so no certificate may be stated in
    it.
    """
    edits = Levenshtein.distance(a, b)
    return 2 * edits / (len(a) + len(b) + edits) if edits else 0.0


class Edit:
    """The normalised edit distance as an output metric. The centre is the medoid of the selection outputs, itself an
    output."""

    name, description, diameter, band = EDIT.name, EDIT.description, EDIT.diameter, EDIT.band

    @property
    def options(self) -> dict[str, Any]:
        """Returns the rule that cuts texts into tokens."""
        return {"tokens": _TOKEN.pattern}

    def choose_centre(self, texts: Sequence[str]) -> Centre:
        """Returns the selection output with the smallest sum of distances to the others as the centre."""
        cut = [tokens(text) for text in texts]
        sums = [sum(normalised_edit_distance(a, b) for b in cut) for a in cut]
        medoid = int(np.argmin(sums))
        return Centre(cut[medoid], 1.0, {"kind": "medoid text", "value": texts[medoid]}, medoid)

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre from its document: the medoid's tokens."""
        return Centre(tokens(document["value"]), bound, document)

    def distances(self, texts: Sequence[str], centre: Centre) -> NDArray[np.float64]:
        """Returns the distance of every output to the medoid."""
        return np.array([normalised_edit_distance(tokens(text), centre.value) for text in texts])
