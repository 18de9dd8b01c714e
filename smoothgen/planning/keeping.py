"""What a request may say of an answer that is to be kept: the share, and the majority's answer as the output."""

from __future__ import annotations

from typing import Final

from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.sections import LEAST_MAJORITY, MAJORITY
from smoothgen.contracts import EMBEDDING, UNNOISED, GenerateRequest, Metric, Robustness
from smoothgen.errors import InvalidInput, InvalidKeep

_ANSWERS: Final = tuple(name for name, known in METRICS.items() if known.band == TWO_VALUED.name)


def asks_for_majority(request: GenerateRequest) -> bool:
    """Returns whether the output is to be the answer that most samples under noise give."""
    return request.output == MAJORITY


def keep_of(request: GenerateRequest, robustness: Robustness, metric: Metric) -> float | None:
    """Returns the share of the outputs that the answer must keep, None where the claim is another.

    robustness: with the mechanism that planning chose. Raises InvalidKeep for a metric that compares no answers, and
    InvalidInput for a majority where nothing is sampled, or that is no more than half.
    """
    keep = robustness.keep
    if asks_for_majority(request):
        _require_samples(robustness)
        keep = LEAST_MAJORITY if keep is None else keep
        if keep < LEAST_MAJORITY:
            raise InvalidKeep(
                f"keep={keep!r} with output {MAJORITY!r}: a majority is more than half; ask to keep "
                f"{LEAST_MAJORITY!r} or more, or leave one of the two out",
                field="robustness.keep",
            )
    if keep is not None and metric.name not in _ANSWERS:
        asked = f"keep={keep!r}" if robustness.keep is not None else f"output={MAJORITY!r}"
        raise InvalidKeep(
            f"{asked} is about an answer, and metric {metric.name!r} compares none; use metric "
            f"{' or '.join(map(repr, _ANSWERS))}, or leave it out",
            field="robustness.keep" if robustness.keep is not None else "output",
        )
    return keep


def _require_samples(robustness: Robustness) -> None:
    if robustness.mechanism in UNNOISED:
        raise InvalidInput(
            f"output={MAJORITY!r} is the answer of most noisy samples, and mechanism {robustness.mechanism!r} draws "
            f"none: it serves the prompt's own; use mechanism {EMBEDDING!r}, or leave the output out",
            field="output",
        )
    if robustness.tier != "request":
        raise InvalidInput(
            f"output={MAJORITY!r} is the answer of most noisy samples, and tier {robustness.tier!r} draws none; use "
            "tier 'request', or leave the output out",
            field="output",
        )
