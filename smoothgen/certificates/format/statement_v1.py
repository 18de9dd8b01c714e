"""The statement of spread/v1 certificates, word for word as they have always been read. Nothing here may change."""

from __future__ import annotations

from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.sigma_selection import SigmaSelection


def statement_v1(certificate: Certificate) -> str:
    """Returns what a spread/v1 certificate states, in words. Deterministic."""
    claims, provenance = certificate.claims, certificate.provenance
    attacked = provenance.threat.attack_on if provenance.threat else "embedding"
    metric = f", measured by {provenance.metric.description}" if provenance.metric else ""
    epsilon = certificate.epsilon or claims.radius
    sentences = [
        f"With confidence {certificate.confidence!r}, no attack on the {attacked} of {certificate.mechanism.norm} norm "
        f"at most {epsilon!r} moves the distribution of outputs by more than {claims.w1_bound!r} in "
        f"Wasserstein-1{metric}."
    ]
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
            f"Under any such attack a fresh output gives {_answer(certificate)} with probability at least {kept!r}."
        )
    if provenance.threat and provenance.threat.held_fixed:
        sentences.append(f"Held fixed, outside the threat: {', '.join(provenance.threat.held_fixed)}.")
    if certificate.evidence.samples and provenance.sampling and provenance.sampling.randomness == "common":
        sentences.append(
            "The generator's own randomness is drawn once for all samples; the claim is about outputs given that draw."
        )
    if provenance.sampling and provenance.sampling.seed_origin == "client":
        sentences.append("The client chose the seed, so the confidence does not hold against that client.")
    if certificate.evidence.failed:
        sentences.append(
            f"{certificate.evidence.failed} of {certificate.evidence.samples} samples failed and count as the worst "
            "distance."
        )
    return " ".join(sentences)


def _without_samples(certificate: Certificate) -> str:
    if certificate.sigma_selection is not None:
        return (
            "No output was measured: this follows from the noise, from the metric's diameter and from the selection of "
            "the noise level alone."
        )
    if certificate.lipschitz is None:
        return (
            "Nothing was sampled: this follows from the noise and from the metric's diameter alone, and holds for any "
            "generator whatsoever."
        )
    return (
        "Nothing was sampled: this follows from the noise, from the metric's diameter and from the Lipschitz constant "
        "alone."
    )


def selected(selection: SigmaSelection) -> str:
    """Returns the sentence about a selected noise level."""
    return (
        f"The noise level {selection.sigma!r} was selected for this prompt, from {len(selection.sensitivities)} draws "
        f"of how sensitive the generator is around it (budget {selection.budget!r}, selection noise "
        f"{selection.selection_sigma!r}): every prompt within {selection.radius!r} has its median sensitivity in the "
        f"same cell of the public grid {selection.grid.base!r}·2^(k/2), k = {selection.grid.first} … "
        f"{selection.grid.last}, so that whoever selects a level for it in the same way, at the same alpha of "
        f"{selection.alpha!r}, serves it at this level or abstains, except with that probability over the draws made "
        "for it. Beyond that distance nothing is claimed."
    )


def _proven(lipschitz: Lipschitz) -> str:
    return (
        f"The generator is proven to move by at most {lipschitz.constant!r} times the norm of an attack plus "
        f"{lipschitz.offset!r} in {lipschitz.metric}, from {len(lipschitz.factors)} factors whose product this "
        "certificate checks and whose proof it does not contain; the bounds use this where it is smaller."
    )


def early_stop(looks: LookPlan, samples: int) -> str:
    """Returns the sentence about the looks at which the job could stop."""
    *earlier, last = looks.sizes
    planned = f"{', '.join(map(str, earlier))} or {last}" if earlier else str(last)
    return (
        f"The job could stop early, after {planned} samples; this certificate was made after {samples}, and the "
        "confidence covers whichever of these looks is taken."
    )


def _answer(certificate: Certificate) -> str:
    metric = certificate.provenance.metric
    if metric is None or "label" not in metric.centre:
        return "the centre's answer"
    label = metric.centre["label"]
    return "no answer (the extraction rule finds none)" if label is None else f"the answer {label!r}"
