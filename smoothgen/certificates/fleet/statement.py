"""What a fleet certificate states, in words: one function a version, and the words of v1 never change."""

from __future__ import annotations

from smoothgen.certificates.fleet.counts import FleetCounts
from smoothgen.certificates.format.sentences import noise_as_computed, snapped_to_rows


def fleet_statement_v1(counts: FleetCounts, epsilon: float, w1_bound: float) -> str:
    """Returns the statement of fleet/v1 with these two numbers in it."""
    if not counts.requests:
        return (
            "No request has been looked at. What needs no samples holds for every single request: no attack of l2 "
            f"norm at most {epsilon!r} moves the distribution of its outputs by more than {w1_bound!r} in "
            "Wasserstein-1."
        )
    which = f"the requests of a closed window, {counts.requests} in number"
    if not counts.closed:
        which = f"the requests that opened a running window, {counts.requests} in number"
    sentences = [
        f"With confidence {counts.confidence!r}, attacks of l2 norm at most {epsilon!r}, a different one on every "
        f"request if need be, move the distribution of the outputs by no more than {w1_bound!r} in Wasserstein-1 "
        f"on average over {which}.",
        "This is an average over these requests, not a promise to each of them: some may be moved further.",
    ]
    if counts.mechanism.remark is not None:
        sentences.append(counts.mechanism.remark)
    return " ".join([*sentences, *_counted(counts)])


def fleet_statement(counts: FleetCounts, epsilon: float, w1_bound: float) -> str:
    """Returns the statement of fleet/v2 with these two numbers in it. Raises InvalidCertificate for a metric that
    nobody has."""
    norm, subject = counts.mechanism.norm, counts.subject
    of_whom = "whose model and metric this document does not name" if subject is None else subject.said()
    if counts.requests:
        opened = "of the closed window" if counts.closed else "that opened the running window"
        first = (
            f"With confidence {counts.confidence!r}, attacks of {norm} norm at most {epsilon!r}, a different one "
            f"on every request if need be, move the distribution of the outputs by no more than {w1_bound!r} in "
            f"Wasserstein-1 on average over the {counts.requests} requests {opened}, {of_whom}."
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
    if counts.mechanism.remark is not None:
        sentences.append(counts.mechanism.remark)
    if counts.requests and subject is not None and subject.randomness == "common":
        sentences.append(
            "The generator's own randomness is drawn once for both draws of a request; the claim is about outputs "
            "given it."
        )
    sentences += _counted(counts)
    sentences.append("Requests that were turned away because the queue was full are in no count.")
    sentences.append(noise_as_computed(counts.rounding_slack))
    if subject is not None and subject.snap is not None:
        sentences.append(snapped_to_rows())
    return " ".join(sentences)


def _counted(counts: FleetCounts) -> list[str]:
    sentences = []
    if not counts.requests:
        return []
    if counts.outstanding:
        sentences.append(f"{counts.outstanding} of them had not ended and count as the worst distance.")
    if counts.left_out:
        sentences.append(f"{counts.left_out} refused before any noise was drawn are not among them.")
    later = counts.submitted - counts.requests - counts.left_out
    if later:
        sentences.append(f"{later} later submissions are not part of this statement.")
    return sentences
