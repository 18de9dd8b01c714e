"""The certificate's claim in one paragraph a lawyer can read: our words, and others' only between quotation marks."""

from __future__ import annotations

from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.format.statement_v1 import early_stop, selected, statement_v1
from smoothgen.certificates.meaning.judgement import unknown_meaning
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.scores import sentences_on_scores
from smoothgen.certificates.meaning.threats import attack_named, is_known_to_be_held
from smoothgen.certificates.provenance import MetricIdentity, Provenance


def statement(certificate: Certificate) -> str:
    """Returns what is certified, in words, from the certificate's own numbers. Deterministic.

    Descriptions come from the vocabulary of `meaning`, never from the document; what has no place there is quoted.
    """
    if certificate.method == SPREAD_V1.name:
        return statement_v1(certificate)
    claims, provenance = certificate.claims, certificate.provenance
    metric = f", measured by {_measured_by(provenance.metric)}" if provenance.metric else ""
    epsilon = certificate.epsilon or claims.radius
    sentences = [
        f"With confidence {certificate.confidence!r}, no attack on the {_attacked(provenance)} of "
        f"{certificate.mechanism.norm} norm at most {epsilon!r} moves the distribution of outputs by more than "
        f"{claims.w1_bound!r} in Wasserstein-1{metric}."
    ]
    unknown = unknown_meaning(provenance)
    if unknown is not None:
        sentences.append(f"What these words and numbers mean is not checked: {unknown}.")
    if not certificate.evidence.samples:
        sentences.append(_without_samples(certificate))
    if certificate.looks is not None:
        sentences.append(early_stop(certificate.looks, certificate.evidence.samples))
    if certificate.sigma_selection is not None:
        sentences.append(selected(certificate.sigma_selection))
    if certificate.lipschitz is not None:
        sentences.append(_proven(certificate.lipschitz))
    if certificate.mechanism.remark is not None:
        sentences.append(certificate.mechanism.remark)
    if claims.stays is not None:
        # The first stated epsilon that reaches the asked one: in a sound certificate it is the same number.
        kept = next((probability for reached, probability in claims.stays if reached >= epsilon), 0.0)
        sentences.append(
            f"Under any such attack a fresh output gives {_answer(provenance.metric)} with probability at least "
            f"{kept!r}."
        )
    sentences += sentences_on_scores(certificate.score_claims, certificate.epsilon)
    sentences += _held_fixed(provenance)
    sentences += _sampling(certificate)
    if certificate.evidence.failed:
        sentences.append(
            f"{certificate.evidence.failed} of {certificate.evidence.samples} samples failed and count as the worst "
            "distance."
        )
    sentences.append(noise_as_computed(certificate.rounding_slack))
    if provenance.sampling is not None and provenance.sampling.snap is not None:
        sentences.append(
            "Before the model saw them, the noisy numbers were replaced, position by position, by their nearest rows "
            "of the public table whose digest this document states; the bounds hold for the model with this step."
        )
    return " ".join(sentences)


def noise_as_computed(rounding_slack: float) -> str:
    """Returns the sentence about the noise that was computed and the ideal noise of the theorems."""
    if not rounding_slack:
        return "The noise is taken to be exactly the ideal noise: nothing is added for how it was computed."
    return (
        "The generator received the noisy numbers rounded to a public grid; the bounds include what is left between "
        f"this noise and ideal noise, a total variation of at most {rounding_slack!r}."
    )


def _attacked(provenance: Provenance) -> str:
    if provenance.threat is None:
        return "embedding"
    words = provenance.threat.attack_on
    return words if attack_named(words) is not None else f"input that this document calls {quoted(words)},"


def _measured_by(metric: MetricIdentity) -> str:
    known = METRICS.get(metric.name)
    if known is not None:
        return known.described(metric.cap)
    capped = "" if metric.cap is None else f", capped at {metric.cap!r}"
    return f"what this document calls {quoted(metric.name)}{capped}"


def _held_fixed(provenance: Provenance) -> list[str]:
    if provenance.threat is None or not provenance.threat.held_fixed:
        return []
    held = [words if is_known_to_be_held(words) else quoted(words) for words in provenance.threat.held_fixed]
    return [f"Held fixed, outside the threat: {', '.join(held)}."]


def _sampling(certificate: Certificate) -> list[str]:
    sampling, sentences = certificate.provenance.sampling, []
    if sampling is None:
        return []
    if certificate.evidence.samples and sampling.randomness == "common":
        sentences.append(
            "The generator's own randomness is drawn once for all samples; the claim is about outputs given that draw."
        )
    if sampling.seed_origin == "client":
        sentences.append("The client chose the seed, so the confidence does not hold against that client.")
    return sentences


def _without_samples(certificate: Certificate) -> str:
    if certificate.sigma_selection is not None:
        return (
            "No output was measured: this follows from the noise, from the metric's diameter and from the selection of "
            "the noise level alone."
        )
    if certificate.lipschitz is None:
        return (
            "Nothing was sampled: this follows from the noise and from the metric's diameter alone, and holds for any "
            "generator that receives this noise."
        )
    return (
        "Nothing was sampled: this follows from the noise, from the metric's diameter and from the Lipschitz constant "
        "alone."
    )


def _proven(lipschitz: Lipschitz) -> str:
    metric = lipschitz.metric if lipschitz.metric in METRICS else quoted(lipschitz.metric)
    return (
        f"The generator is proven to move by at most {lipschitz.constant!r} times the norm of an attack plus "
        f"{lipschitz.offset!r} in {metric}, from {len(lipschitz.factors)} factors whose product this "
        "certificate checks and whose proof it does not contain; the bounds use this where it is smaller."
    )


def _answer(metric: MetricIdentity | None) -> str:
    if metric is None or "label" not in metric.centre:
        return "the centre's answer"
    label = metric.centre["label"]
    if label is None:
        return "no answer (the extraction rule finds none)"
    return f"the answer {quoted(label if isinstance(label, str) else repr(label))}"
