"""Certificates made for the comparison that quote texts of many scripts, and that carry a matrix of noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from smoothgen import certify
from smoothgen.certificates import Certificate, ExhaustiveCertificate
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import ShapedGaussian
from smoothgen.mechanisms.shape import Shape
from tests.support.certificates import exhaustive

LETTERS = (
    "Paris",
    "P\u0430ris",
    "Z\u00fcrich",
    "\u6771\u4eac",
    "\u0645\u0631\u062d\u0628\u0627",
    "\ud55c\uad6d\uc5b4",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
)
MARKS = ("e\u0301\u0301\u0301", "x\u0301", "1\u0301", "\u0301", "A\u0488\u0488\u0488b")
SIGNS = (
    "\U0001f44d\U0001f3fd ok",
    "\u202eabc",
    "\ufb00\ufb01",
    "\u2167\u00bd\u00b2",
    "\U0001d400\U0001d401",
    "\u00a0\u3000",
    "\U000e0041",
    "'\\\n\t\x00\x7f",
)
LONG = (
    "A" * 65 + "\u00e9",
    "\U0001f600" * 70,
    "\u0451" * 64,
    "\u0451" * 65,
    "\U0001d400" * 64,
    "\ud55c\uad6d\uc5b4" * 30,
)
TEXTS = (*LETTERS, *MARKS, *SIGNS, *LONG)


def of_texts() -> Iterator[tuple[str, ExhaustiveCertificate]]:
    """Texts in the place of a prompt, an output, an answer, an id and the name of a model."""
    full = exhaustive.full()
    model, metric = full.provenance.model, full.provenance.metric
    assert model is not None
    assert metric is not None
    for number, text in enumerate(TEXTS):
        distances = [0, 0, 0, 1.0, 0, math.nan]
        yield f"text {number}", exhaustive.certified(distances=distances, texts=[text] * 6, outputs=[f"{text}!"] * 6)
        answer = replace(metric, centre={"kind": "label", "label": text})
        named = replace(full, provenance=replace(full.provenance, metric=answer))
        if text.isprintable():
            renamed = replace(named.provenance, model=replace(model, name=text))
            named = replace(named, id=text, provenance=renamed)
        yield f"answer {number}", named


def of_shapes() -> Iterator[tuple[str, Certificate]]:
    """Matrices of one to 64 dimensions, nearly round and long in some directions."""
    random = np.random.default_rng(34)
    for number in range(30):
        d = int(random.choice([1, 2, 5, 16, 64]))
        matrix = np.tril(random.normal(size=(d, d))) * random.choice([0.01, 0.1, 1]) / max(1, d**0.5)
        matrix[np.diag_indices(d)] = np.exp(random.normal(size=d) * random.choice([0.1, 1, 2]))
        try:
            noise = ShapedGaussian(0.5, Shape.of(f"shape {number}", matrix))
        except InvalidCertificate:  # of half-axes too far apart
            continue
        slack = noise.rounding_slack(d)
        distances = random.beta(1, 20, 100)
        asked = {"bound": 1.0, "diameter": 1.0, "alpha": 1e-2, "tolerance": 0.2, "rounding_slack": slack}
        made = certify(distances, mechanism=noise, **asked)
        assert isinstance(made, Certificate)
        yield f"shape {number}", made
