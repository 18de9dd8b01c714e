"""The statement "plain/v1": what holds and against whom, then the confidence, then what is outside, then the proof."""

from __future__ import annotations

from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.format.sentences import (
    about_the_proof,
    about_the_samples,
    answer_as_subject,
    attacked,
    held_fixed,
    measured_by,
)
from smoothgen.certificates.meaning.judgement import unknown_meaning
from smoothgen.certificates.meaning.scores import sentences_on_scores
from smoothgen.certificates.meaning.sections import MAJORITY
from smoothgen.certificates.meaning.threats import attack_named
from smoothgen.mechanisms import SynonymClasses


def plain_statement(certificate: Certificate) -> str:
    """Returns what is certified in words that a product owner reads first and a lawyer to the end.

    From the certificate's own numbers; others' words stand between quotation marks.
    """
    unknown = unknown_meaning(certificate.provenance)
    return " ".join(
        [
            *_what_holds(certificate),
            *_asked_alone(certificate),
            *sentences_on_scores(certificate.score_claims, certificate.epsilon),
            f"This holds with confidence {certificate.confidence!r}: a certificate that says too much comes with "
            f"probability {certificate.alpha!r} at most, over the noise that was drawn for it.",
            *([] if unknown is None else [f"What these words and numbers mean is not checked: {unknown}."]),
            f"What is attacked: the {attacked(certificate.provenance).removesuffix(',')}.",
            *held_fixed(certificate.provenance),
            _not_claimed(certificate),
            *about_the_proof(certificate),
            *about_the_samples(certificate),
        ]
    )


def _what_holds(certificate: Certificate) -> list[str]:
    claims, metric = certificate.claims, certificate.provenance.metric
    measured = f", measured by {measured_by(metric)}" if metric else ""
    distribution = f"the distribution of outputs moves by no more than {claims.w1_bound!r} in Wasserstein-1{measured}."
    if claims.stays is None:
        return [f"If someone tampers, by at most {_attack(certificate)}, {distribution}"]
    if certificate.keep is not None and not (certificate.epsilon or claims.radius):
        nothing = (
            f"Nothing is claimed: it is not proven that {answer_as_subject(metric)} keeps a share of "
            f"{certificate.keep!r} of the outputs, not even where nobody tampers with anything."
        )
        return [nothing, *_other_shares(certificate)]
    return [
        *_answer_kept(certificate),
        *_other_shares(certificate),
        f"Under any attack of norm at most {certificate.epsilon or claims.radius!r} {distribution}",
    ]


def _asked_alone(certificate: Certificate) -> list[str]:
    """Returns that at the asked norm only claims on scores were asked, and how far the tolerance holds."""
    if certificate.asks_shift or certificate.epsilon is None:
        return []
    radius = certificate.claims.radius
    moves = f"the distribution moves by no more than {certificate.tolerance!r}"
    held = f"That {moves} holds up to a norm of {radius!r}." if radius else f"It is not proven that {moves}."
    return [f"Only the claims on scores were asked at the norm {certificate.epsilon!r}. {held}"]


def _answer_kept(certificate: Certificate) -> list[str]:
    """Returns what a label certificate says of its answer. Its majority it keeps strictly below the norm only."""
    output, answered = certificate.provenance.output, answer_as_subject(certificate.provenance.metric)
    kept = f"{answered} keeps at least a share of {_share(certificate)!r} of the outputs."
    if output is None or output.kind != MAJORITY:
        return [f"If someone tampers, by at most {_attack(certificate)}, {kept}"]
    return [
        f"Nobody who tampers, by less than {_attack(certificate)}, makes {answered} lose its majority: more than half "
        "of all outputs give it.",
        f"At that norm {kept}",
    ]


def _share(certificate: Certificate) -> float:
    """Returns the share that was asked for, or the one that is stated where the bound on W₁ is."""
    if certificate.keep is not None:
        return certificate.keep
    epsilon = certificate.epsilon or certificate.claims.radius
    # The first stated epsilon that reaches the asked one: in a sound certificate it is the same number.
    return next((share for reached, share in certificate.claims.stays or () if reached >= epsilon), 0.0)


def _other_shares(certificate: Certificate) -> list[str]:
    kept = [entry for entry in certificate.claims.keeps or () if entry.radius > 0 and entry.share != certificate.keep]
    if not kept:
        return []
    listed = ", and ".join(f"{entry.share!r} up to a norm of {entry.radius!r}" for entry in kept)
    return [f"The answer keeps at least a share of {listed}."]


def _attack(certificate: Certificate) -> str:
    """Returns how far who moves what, in words that need no knowledge of models."""
    threat, epsilon = certificate.provenance.threat, certificate.epsilon or certificate.claims.radius
    known = None if threat is None else attack_named(threat.attack_on)
    what = "the numbers that the generator reads" if known is None else known.tampered
    return f"{epsilon!r} in {certificate.mechanism.norm} norm, with {what}"


def _not_claimed(certificate: Certificate) -> str:
    """Returns what readers take such a certificate for, and what it is not."""
    threat = certificate.provenance.threat
    known = None if threat is None else attack_named(threat.attack_on)
    no_truth = "It does not say that an output is right."
    if known is not None and known.kind == "conversation":
        return f"It covers no rewording of any turn, however close in meaning. {no_truth}"
    if known is None or known.kind != "language":
        return no_truth
    beyond = "Beyond the synonym classes it" if isinstance(certificate.mechanism, SynonymClasses) else "It"
    return f"{beyond} covers no rewording of the prompt, however close in meaning. {no_truth}"
