"""What a fleet certificate states, in words: one function a version, and the words of v1 never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothgen.certificates.format.statement import noise_as_computed

if TYPE_CHECKING:
    from smoothgen.certificates.fleet.certificate import FleetCertificate


def fleet_statement_v1(certificate: FleetCertificate, epsilon: float, w1_bound: float) -> str:
    """Returns the statement of fleet/v1 with these two numbers in it."""
    if not certificate.requests:
        return (
            "No request has been looked at. What needs no samples holds for every single request: no attack of l2 "
            f"norm at most {epsilon!r} moves the distribution of its outputs by more than {w1_bound!r} in "
            "Wasserstein-1."
        )
    which = f"the requests of a closed window, {certificate.requests} in number"
    if not certificate.closed:
        which = f"the requests that opened a running window, {certificate.requests} in number"
    sentences = [
        f"With confidence {certificate.confidence!r}, attacks of l2 norm at most {epsilon!r}, a different one on every "
        f"request if need be, move the distribution of the outputs by no more than {w1_bound!r} in Wasserstein-1 "
        f"on average over {which}.",
        "This is an average over these requests, not a promise to each of them: some may be moved further.",
    ]
    if certificate.mechanism.remark is not None:
        sentences.append(certificate.mechanism.remark)
    return " ".join([*sentences, *_counted(certificate)])


def fleet_statement(certificate: FleetCertificate, epsilon: float, w1_bound: float) -> str:
    """Returns the statement of fleet/v2 with these two numbers in it. Raises InvalidCertificate for a metric that
    nobody has."""
    norm, subject = certificate.mechanism.norm, certificate.subject
    of_whom = "whose model and metric this document does not name" if subject is None else subject.said()
    if certificate.requests:
        opened = "of the closed window" if certificate.closed else "that opened the running window"
        first = (
            f"With confidence {certificate.confidence!r}, attacks of {norm} norm at most {epsilon!r}, a different one "
            f"on every request if need be, move the distribution of the outputs by no more than {w1_bound!r} in "
            f"Wasserstein-1 on average over the {certificate.requests} requests {opened}, {of_whom}."
        )
        average = "This is an average over these requests, not a promise to each of them: some may be moved further."
        sentences = [first, average]
    else:
        sentences = [
            f"No request has been looked at, of those {of_whom}. What needs no samples holds for every single request: "
            f"no attack of {norm} norm at most {epsilon!r} moves the distribution of its outputs by more than "
            f"{w1_bound!r} in Wasserstein-1."
        ]
    unknown = None if subject is None else subject.unknown_meaning
    if unknown is not None:
        sentences.append(f"What these words and numbers mean is not checked: {unknown}.")
    if certificate.mechanism.remark is not None:
        sentences.append(certificate.mechanism.remark)
    if certificate.requests and subject is not None and subject.randomness == "common":
        sentences.append(
            "The generator's own randomness is drawn once for both draws of a request; the claim is about outputs "
            "given it."
        )
    sentences += _counted(certificate)
    sentences.append("Requests that were turned away because the queue was full are in no count.")
    sentences.append(noise_as_computed(certificate.rounding_slack))
    return " ".join(sentences)


def _counted(certificate: FleetCertificate) -> list[str]:
    sentences = []
    if not certificate.requests:
        return []
    if certificate.outstanding:
        sentences.append(f"{certificate.outstanding} of them had not ended and count as the worst distance.")
    if certificate.left_out:
        sentences.append(f"{certificate.left_out} refused before any noise was drawn are not among them.")
    later = certificate.submitted - certificate.requests - certificate.left_out
    if later:
        sentences.append(f"{later} later submissions are not part of this statement.")
    return sentences
