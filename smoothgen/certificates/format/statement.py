"""The certificate's claim in one paragraph, in the words of its version: our words, and others' only in quotation
marks."""

from __future__ import annotations

from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1
from smoothgen.certificates.certificate import PLAIN_V1, Certificate
from smoothgen.certificates.format.plain_words import plain_statement
from smoothgen.certificates.format.sentences import (
    about_the_proof,
    about_the_samples,
    answer,
    attacked,
    held_fixed,
    measured_by,
)
from smoothgen.certificates.format.statement_v1 import statement_v1
from smoothgen.certificates.meaning.judgement import unknown_meaning
from smoothgen.certificates.meaning.scores import sentences_on_scores


def statement(certificate: Certificate) -> str:
    """Returns what is certified, in words, from the certificate's own numbers. Deterministic.

    Descriptions come from the vocabulary of `meaning`, never from the document; what has no place there is quoted. New
    certificates say it in plain words; those that state no `wording` are older, and in the words they were issued with.
    """
    if certificate.method == SPREAD_V1.name:
        return statement_v1(certificate)
    return plain_statement(certificate) if certificate.wording == PLAIN_V1 else _without_wording(certificate)


def _without_wording(certificate: Certificate) -> str:
    """Returns the statement of spread/v2 as it was before documents named their wording."""
    claims, provenance = certificate.claims, certificate.provenance
    metric = f", measured by {measured_by(provenance.metric)}" if provenance.metric else ""
    epsilon = certificate.epsilon or claims.radius
    sentences = [
        f"With confidence {certificate.confidence!r}, no attack on the {attacked(provenance)} of "
        f"{certificate.mechanism.norm} norm at most {epsilon!r} moves the distribution of outputs by more than "
        f"{claims.w1_bound!r} in Wasserstein-1{metric}."
    ]
    unknown = unknown_meaning(provenance)
    if unknown is not None:
        sentences.append(f"What these words and numbers mean is not checked: {unknown}.")
    sentences += about_the_proof(certificate)
    if claims.stays is not None:
        # The first stated epsilon that reaches the asked one: in a sound certificate it is the same number.
        kept = next((probability for reached, probability in claims.stays if reached >= epsilon), 0.0)
        answered = answer(provenance.metric)
        sentences.append(f"Under any such attack a fresh output gives {answered} with probability at least {kept!r}.")
    sentences += sentences_on_scores(certificate.score_claims, certificate.epsilon)
    return " ".join([*sentences, *held_fixed(provenance), *about_the_samples(certificate)])
