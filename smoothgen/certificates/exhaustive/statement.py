"""The claim of an exhaustive certificate in one paragraph, in the words of its version: our words, and others' only
between quotation marks."""

from __future__ import annotations

import math
from typing import Final

from smoothgen.certificates.certificate import PLAIN_V1
from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.exhaustive.meaning import unknown_meaning
from smoothgen.certificates.exhaustive.plain_words import plain_statement
from smoothgen.certificates.exhaustive.sentences import (
    attacked,
    failed_runs,
    held_fixed,
    measured_by,
    own_output,
    snapped_and_run,
    the_attacker,
)
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.scores import sentences_on_exact_scores

_COMPLETENESS: Final = (
    "That the list leaves out no cheaper sequence, and that the model gave these outputs, is not checked here: it "
    "takes the table and the model."
)


def statement(certificate: ExhaustiveCertificate) -> str:
    """Returns what is certified, in words, from the certificate's own numbers. Deterministic.

    New certificates say it in plain words; those that state no `wording` are older, and in the words they were issued
    with.
    """
    return plain_statement(certificate) if certificate.wording == PLAIN_V1 else _without_wording(certificate)


def _without_wording(certificate: ExhaustiveCertificate) -> str:
    """Returns the statement as it was before documents named their wording."""
    unknown = unknown_meaning(certificate)
    return " ".join(
        [
            _claim(certificate),
            *_kept(certificate),
            f"{snapped_and_run(certificate)} Nothing is sampled: alpha is 0.",
            *_breaking(certificate),
            *failed_runs(certificate),
            *sentences_on_exact_scores(certificate.score_claims, certificate.epsilon),
            *([] if unknown is None else [f"What these words and numbers mean is not checked: {unknown}."]),
            the_attacker(certificate),
            f"{held_fixed(certificate)} Insertions and deletions are no such attacks.",
            _COMPLETENESS,
        ]
    )


def _norm(radius: float) -> str:
    return "any l2 norm" if math.isinf(radius) else f"l2 norm strictly less than {radius!r}"


def _claim(certificate: ExhaustiveCertificate) -> str:
    claims, epsilon = certificate.claims, certificate.epsilon
    what, measured = attacked(certificate), measured_by(certificate.provenance.metric)
    if epsilon is None and claims.radius == 0:
        return (
            f"Nothing is claimed at the tolerance {certificate.tolerance!r}: at no norm at all, the outputs of what "
            f"the snap of the {what} cannot tell apart may differ by {claims.w1_bound!r} in "
            f"Wasserstein-1{measured}."
        )
    norm = _norm(claims.radius) if epsilon is None else f"l2 norm at most {epsilon!r}"
    held = _norm(claims.radius) if claims.radius > 0 else "no norm at all"
    radius = "" if epsilon is None else f" The tolerance {certificate.tolerance!r} holds for {held}."
    return (
        f"No attack on the {what} of {norm} moves the distribution of outputs by more than {claims.w1_bound!r} in "
        f"Wasserstein-1{measured}, given the generator's own randomness.{radius}"
    )


def _kept(certificate: ExhaustiveCertificate) -> list[str]:
    return [
        f"For attacks of {_norm(kept.radius)} the answer keeps: a share of {kept.share!r} of the outputs lies at "
        f"distance 0 from {own_output(certificate)}."
        for kept in certificate.claims.keeps
        if kept.radius > 0
    ]


def _breaking(certificate: ExhaustiveCertificate) -> list[str]:
    broken = certificate.claims.broken_by
    if broken is None:
        return []
    what = "failed" if broken.distance is None else f"gives an output at distance {broken.distance!r}"
    read = "" if certificate.text is None else f"reads {quoted(certificate.text)}, "
    output = "" if certificate.output is None else f": {quoted(certificate.output)}"
    return [f"What ends the claim is run {broken.index}: it {read}costs {broken.cost!r} and {what}{output}."]
