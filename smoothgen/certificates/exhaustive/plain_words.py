"""The statement "plain/v1" of an exhaustive certificate: what holds and against whom, that no probability is involved,
what breaks it, then what is outside, then the proof."""

from __future__ import annotations

import math
from typing import Final

from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.exhaustive.meaning import unknown_meaning
from smoothgen.certificates.exhaustive.sentences import (
    attacked,
    failed_runs,
    held_fixed,
    measured_by,
    own_output,
    reads_turns,
    snapped_and_run,
    the_attacker,
    was_sent,
    what_is_read,
)
from smoothgen.certificates.format.sentences import answer_as_subject
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.scores import pattern_sought, sentences_on_exact_scores
from smoothgen.certificates.score_claims.exact import ExactClaim

_NO_PROBABILITY: Final = "No probability is involved: nothing is sampled, so alpha is 0."


def plain_statement(certificate: ExhaustiveCertificate) -> str:
    """Returns what is certified in words that a product owner reads first and a lawyer to the end.

    From the certificate's own numbers; others' words stand between quotation marks.
    """
    unknown, what = unknown_meaning(certificate), "answer" if _compares_answers(certificate) else "output"
    other = "No turn" if reads_turns(certificate) else "No text"
    return " ".join(
        [
            *_what_holds(certificate),
            *[_on_score(certificate, claim) for claim in certificate.score_claims],
            _NO_PROBABILITY,
            *_what_breaks_it(certificate),
            *([] if unknown is None else [f"What these words and numbers mean is not checked: {unknown}."]),
            held_fixed(certificate),
            f"{other} of another token count is covered, and it is not claimed that the {what} is right.",
            snapped_and_run(certificate),
            *_in_wasserstein_1(certificate),
            *_at_distance_0(certificate),
            *failed_runs(certificate),
            the_attacker(certificate),
            _unchecked(certificate),
        ]
    )


def _compares_answers(certificate: ExhaustiveCertificate) -> bool:
    """Returns whether the metric is known to compare answers: its distances are 0 and D, and τ lies between."""
    metric = certificate.provenance.metric
    known = None if metric is None else METRICS.get(metric.name)
    return known is not None and known.band == TWO_VALUED.name


def _claims_nothing(certificate: ExhaustiveCertificate) -> bool:
    return certificate.claims.radius == 0 and not _epsilon_reached(certificate)


def _epsilon_reached(certificate: ExhaustiveCertificate) -> bool:
    """Returns whether the claim holds at the asked norm; where only claims on scores were asked there, it may not."""
    return certificate.epsilon is not None and certificate.claims.w1_bound <= certificate.tolerance


def _answer(certificate: ExhaustiveCertificate) -> str:
    metric = certificate.provenance.metric
    if metric is not None and "label" in metric.centre:
        return answer_as_subject(metric)
    read = what_is_read(certificate)
    return f"the answer to {read}" if was_sent(certificate) else f"{read}'s own answer"


def _what_holds(certificate: ExhaustiveCertificate) -> list[str]:
    radius, epsilon, what = certificate.claims.radius, certificate.epsilon, _moved(certificate)
    if _claims_nothing(certificate):
        return [_nothing(certificate)]
    if _compares_answers(certificate):
        kept = f"leaves {_answer(certificate)} as it is, whatever he knows"
    else:
        kept = (
            f"leaves the output within {certificate.tolerance!r} of {own_output(certificate)}"
            f"{measured_by(certificate.provenance.metric)}, whatever he knows"
        )
    if not _epsilon_reached(certificate):
        return [f"Whoever changes the {what} {_by_less(radius)} {kept}."]
    return [
        f"Whoever changes the {what} by at most {epsilon!r} (l2 norm) {kept}.",
        f"The same holds for changes {_by_less(radius)}.",
    ]


def _nothing(certificate: ExhaustiveCertificate) -> str:
    apart = f"at no norm at all, what the snap of the {_moved(certificate)} cannot tell apart may"
    if _compares_answers(certificate):
        return f"Nothing is claimed of {_answer(certificate)}: {apart} give another."
    return (
        f"Nothing is claimed at the tolerance {certificate.tolerance!r}: {apart} give outputs that differ by "
        f"more{measured_by(certificate.provenance.metric)}."
    )


def _moved(certificate: ExhaustiveCertificate) -> str:
    return attacked(certificate).removesuffix(",")


def _by_less(radius: float) -> str:
    return "by however much" if math.isinf(radius) else f"by less than {radius!r} (l2 norm)"


def _on_score(certificate: ExhaustiveCertificate, claim: ExactClaim) -> str:
    """Returns the sentence on a score. Where all outputs of the runs, or none, match a pattern it says so."""
    asked, epsilon = claim.asked, certificate.epsilon
    [told] = sentences_on_exact_scores([claim], epsilon)
    pattern = pattern_sought(asked.score)
    none, every = asked.is_upper and claim.bound == 0, not asked.is_upper and claim.bound == 1
    if pattern is None or asked.quantile is not None or not (none or every) or (epsilon is None and claim.radius == 0):
        return told
    lost = claim.runs.failed
    failed = f" {lost} of its runs have no score and count as the worst." if lost else ""
    change = _by_less(claim.radius) if epsilon is None else f"by at most {epsilon!r} (l2 norm)"
    return (
        f"Under any change {change} {'no' if none else 'every'} output contains a match of the RE2 pattern "
        f"{quoted(pattern)}.{failed}"
    )


def _what_breaks_it(certificate: ExhaustiveCertificate) -> list[str]:
    broken = certificate.claims.broken_by
    if broken is None:
        if certificate.evidence.next_cost is None:
            return ["No run breaks the claim."]
        return ["No run breaks the claim: it ends where the runs end."]
    output = "" if certificate.output is None else f": {quoted(certificate.output)}"
    if broken.distance is None:
        gives = "failed"
    elif _compares_answers(certificate):
        gives = f"gives another answer{output}"
    else:
        gives = f"gives an output at distance {broken.distance!r}{output}"
    read = "" if certificate.text is None else f"reads {quoted(certificate.text)}, "
    return [f"What ends the claim is run {broken.index}: it {read}costs {broken.cost!r} and {gives}."]


def _in_wasserstein_1(certificate: ExhaustiveCertificate) -> list[str]:
    epsilon, radius = certificate.epsilon, certificate.claims.radius
    if epsilon is None and radius == 0:
        return []
    change = _by_less(radius) if epsilon is None else f"by at most {epsilon!r} (l2 norm)"
    return [
        f"Changes {change} move the distribution of outputs by no more than {certificate.claims.w1_bound!r} in "
        f"Wasserstein-1{measured_by(certificate.provenance.metric)}, given the generator's own randomness."
    ]


def _at_distance_0(certificate: ExhaustiveCertificate) -> list[str]:
    """Returns the sentence about changes that move nothing at all; an answer moves by nothing or gets lost."""
    if _compares_answers(certificate):
        return []
    return [
        f"Changes {_by_less(kept.radius)} leave the output at distance 0 from {own_output(certificate)}."
        for kept in certificate.claims.keeps
        if kept.radius > 0
    ]


def _unchecked(certificate: ExhaustiveCertificate) -> str:
    metric = certificate.provenance.metric
    named = metric is not None and "label" in metric.centre
    whose = "conversation" if reads_turns(certificate) else "prompt"
    outputs = (
        f"that the model gave these outputs, and that the {whose}'s own output gives the answer named"
        if named
        else "and that the model gave these outputs"
    )
    return (
        f"That the list leaves out no cheaper sequence, {outputs}, is not checked here: it takes the table and the "
        "model."
    )
