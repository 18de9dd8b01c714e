"""Sentences that statements are made of: our words, and others' only between quotation marks."""

from __future__ import annotations

from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.format.statement_v1 import early_stop, selected
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.threats import attack_named, is_known_to_be_held
from smoothgen.certificates.provenance import MetricIdentity, Provenance


def noise_as_computed(rounding_slack: float) -> str:
    """Returns the sentence about the noise that was computed and the ideal noise of the theorems."""
    if not rounding_slack:
        return "The noise is taken to be exactly the ideal noise: nothing is added for how it was computed."
    return (
        "The generator received the noisy numbers rounded to a public grid; the bounds include what is left between "
        f"this noise and ideal noise, a total variation of at most {rounding_slack!r}."
    )


def attacked(provenance: Provenance) -> str:
    """Returns what is attacked, in the words of the adapters."""
    if provenance.threat is None:
        return "embedding"
    words = provenance.threat.attack_on
    return words if attack_named(words) is not None else f"input that this document calls {quoted(words)},"


def measured_by(metric: MetricIdentity) -> str:
    """Returns what the metric measures."""
    known = METRICS.get(metric.name)
    if known is not None:
        return known.described(metric.cap)
    capped = "" if metric.cap is None else f", capped at {metric.cap!r}"
    return f"what this document calls {quoted(metric.name)}{capped}"


def held_fixed(provenance: Provenance) -> list[str]:
    """Returns the sentence about what lies outside the threat, nothing where that is not stated."""
    if provenance.threat is None or not provenance.threat.held_fixed:
        return []
    held = [words if is_known_to_be_held(words) else quoted(words) for words in provenance.threat.held_fixed]
    return [f"Held fixed, outside the threat: {', '.join(held)}."]


def sampling(certificate: Certificate) -> list[str]:
    """Returns the sentences about the generator's own randomness and the origin of the seed."""
    stated, sentences = certificate.provenance.sampling, []
    if stated is None:
        return []
    if certificate.evidence.samples and stated.randomness == "common":
        sentences.append(
            "The generator's own randomness is drawn once for all samples; the claim is about outputs given that draw."
        )
    if stated.seed_origin == "client":
        sentences.append("The client chose the seed, so the confidence does not hold against that client.")
    return sentences


def without_samples(certificate: Certificate) -> str:
    """Returns what a certificate without samples rests on."""
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


def proven(lipschitz: Lipschitz) -> str:
    """Returns the sentence about a proven constant."""
    metric = lipschitz.metric if lipschitz.metric in METRICS else quoted(lipschitz.metric)
    return (
        f"The generator is proven to move by at most {lipschitz.constant!r} times the norm of an attack plus "
        f"{lipschitz.offset!r} in {metric}, from {len(lipschitz.factors)} factors whose product this "
        "certificate checks and whose proof it does not contain; the bounds use this where it is smaller."
    )


def answer(metric: MetricIdentity | None) -> str:
    """Returns the centre's answer between quotation marks."""
    if metric is None or "label" not in metric.centre:
        return "the centre's answer"
    label = metric.centre["label"]
    if label is None:
        return "no answer (the extraction rule finds none)"
    return f"the answer {quoted(label if isinstance(label, str) else repr(label))}"


def answer_as_subject(metric: MetricIdentity | None) -> str:
    """Returns the centre's answer, so that a sentence about no answer does not read as one about none."""
    if metric is not None and metric.centre.get("label", "") is None:
        return "the absence of an answer (the extraction rule finds none)"
    return answer(metric)


def about_the_proof(certificate: Certificate) -> list[str]:
    """Returns what the numbers rest on beside the samples: looks, a selection of sigma, a constant, unusual noise."""
    sentences = []
    if not certificate.evidence.samples:
        sentences.append(without_samples(certificate))
    if certificate.looks is not None:
        sentences.append(early_stop(certificate.looks, certificate.evidence.samples))
    if certificate.sigma_selection is not None:
        sentences.append(selected(certificate.sigma_selection))
    if certificate.lipschitz is not None:
        sentences.append(proven(certificate.lipschitz))
    if certificate.mechanism.remark is not None:
        sentences.append(certificate.mechanism.remark)
    return sentences


def about_the_samples(certificate: Certificate) -> list[str]:
    """Returns what is to be known of the samples: randomness, seed, failures, the noise as computed, the snap."""
    provenance, sentences = certificate.provenance, sampling(certificate)
    if certificate.evidence.failed:
        sentences.append(
            f"{certificate.evidence.failed} of {certificate.evidence.samples} samples failed and count as the worst "
            "distance."
        )
    sentences.append(noise_as_computed(certificate.rounding_slack))
    if provenance.sampling is not None and provenance.sampling.snap is not None:
        sentences.append(snapped_to_rows())
    return sentences


def snapped_to_rows() -> str:
    """Returns what happens to noisy embeddings that are snapped to a table."""
    return (
        "Before the model saw them, the noisy numbers were replaced, position by position, by their nearest rows "
        "of the public table whose digest this document states; the bounds hold for the model with this step."
    )
