"""The claim of an exhaustive certificate in one paragraph: our words, and others' only between quotation marks."""

from __future__ import annotations

import math
from typing import Final

from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.exhaustive.meaning import unknown_meaning
from smoothgen.certificates.exhaustive.threat import GIVEN_EMBEDDINGS, MODALITIES, SURROUNDING, TOKEN_EMBEDDINGS
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.scores import sentences_on_exact_scores
from smoothgen.certificates.meaning.threats import is_known_to_be_held
from smoothgen.certificates.provenance import MetricIdentity

_COMPLETENESS: Final = (
    "That the list leaves out no cheaper sequence, and that the model gave these outputs, is not checked here: it "
    "takes the table and the model."
)


def statement(certificate: ExhaustiveCertificate) -> str:
    """Returns what is certified, in words, from the certificate's own numbers. Deterministic."""
    evidence = certificate.evidence
    runs = "the one token sequence" if evidence.runs == 1 else f"{evidence.runs} token sequences"
    end = (
        "stated to be all there are"
        if evidence.next_cost is None
        else f"stated to be all that cost less than {evidence.next_cost!r}, the cost from which on none was run"
    )
    sentences = [_claim(certificate), *_kept(certificate)]
    sentences.append(
        "Every embedding is replaced by the nearest row of a public table before the model sees it, so such an attack "
        f"can only make the model see another token sequence. The model was run on {runs}, {end}. "
        "Nothing is sampled: alpha is 0."
    )
    sentences += [*_breaking(certificate), *_failed(certificate)]
    sentences += sentences_on_exact_scores(certificate.score_claims, certificate.epsilon)
    unknown = unknown_meaning(certificate)
    if unknown is not None:
        sentences.append(f"What these words and numbers mean is not checked: {unknown}.")
    read = "the embeddings sent" if _was_sent(certificate) else "the prompt"
    sentences.append(
        f"The attacker may move all embeddings together, and may know {read}, the model, the table and the "
        "generator's randomness before. The generator's randomness is one draw, the same for every run, or none."
    )
    return " ".join([*sentences, _held_fixed(certificate), _COMPLETENESS])


def _norm(radius: float) -> str:
    return "any l2 norm" if math.isinf(radius) else f"l2 norm strictly less than {radius!r}"


def _claim(certificate: ExhaustiveCertificate) -> str:
    claims, epsilon = certificate.claims, certificate.epsilon
    attacked, measured = _attacked(certificate), measured_by(certificate.provenance.metric)
    if epsilon is None and claims.radius == 0:
        return (
            f"Nothing is claimed at the tolerance {certificate.tolerance!r}: at no norm at all, the outputs of what "
            f"the snap of the {attacked} cannot tell apart may differ by {claims.w1_bound!r} in "
            f"Wasserstein-1{measured}."
        )
    norm = _norm(claims.radius) if epsilon is None else f"l2 norm at most {epsilon!r}"
    held = _norm(claims.radius) if claims.radius > 0 else "no norm at all"
    radius = "" if epsilon is None else f" The tolerance {certificate.tolerance!r} holds for {held}."
    return (
        f"No attack on the {attacked} of {norm} moves the distribution of outputs by more than {claims.w1_bound!r} in "
        f"Wasserstein-1{measured}, given the generator's own randomness.{radius}"
    )


def _kept(certificate: ExhaustiveCertificate) -> list[str]:
    own = "the output of the embeddings sent" if _was_sent(certificate) else "the prompt's own"
    return [
        f"For attacks of {_norm(kept.radius)} the answer keeps: a share of {kept.share!r} of the outputs lies at "
        f"distance 0 from {own}."
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


def _failed(certificate: ExhaustiveCertificate) -> list[str]:
    failed, runs = certificate.evidence.failed, certificate.evidence.runs
    return [f"{failed} of {runs} runs failed and lie at the diameter from every output."] if failed else []


def _attacked(certificate: ExhaustiveCertificate) -> str:
    words = TOKEN_EMBEDDINGS if certificate.threat is None else certificate.threat.attack_on
    return words if words in MODALITIES else f"input that this document calls {quoted(words)},"


def _was_sent(certificate: ExhaustiveCertificate) -> bool:
    """Returns whether the model reads embeddings that came with the request, whose prompt is a label then."""
    return certificate.threat is not None and certificate.threat.attack_on == GIVEN_EMBEDDINGS


def measured_by(metric: MetricIdentity | None) -> str:
    """Returns the metric's description, behind a comma; nothing where none is named."""
    if metric is None:
        return ""
    known = METRICS.get(metric.name)
    if known is not None:
        return f", measured by {known.described(metric.cap)}"
    capped = "" if metric.cap is None else f", capped at {metric.cap!r}"
    return f", measured by what this document calls {quoted(metric.name)}{capped}"


def _held_fixed(certificate: ExhaustiveCertificate) -> str:
    stated = () if certificate.threat is None else certificate.threat.held_fixed
    held = [words if words == SURROUNDING or is_known_to_be_held(words) else quoted(words) for words in stated]
    named = ", ".join(held) if held else "token count, template and positions"
    return f"Held fixed, outside the threat: {named}. Insertions and deletions are no such attacks."
