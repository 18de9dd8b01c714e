"""What a request may say that asks for all noisy samples (`"output": "samples"`)."""

from __future__ import annotations

from typing import Final

from smoothgen.contracts import EMBEDDING, UNNOISED, GenerateRequest
from smoothgen.errors import InvalidInput

SAMPLES: Final = "samples"
_STOPS: Final = ("epsilon", "radius_tolerance", "deadline_s")


def require_samples_asked(request: GenerateRequest) -> None:
    """Raises InvalidInput where all samples are asked for and none are drawn, or the job may stop before they are."""
    robustness = request.robustness
    if request.output != SAMPLES:
        return
    if robustness.mechanism in UNNOISED:
        raise InvalidInput(
            f"output={SAMPLES!r} answers the noisy samples, and mechanism {robustness.mechanism!r} draws none; use "
            f"mechanism {EMBEDDING!r}, or leave the output out (GET /certificates/{{id}}/neighbours lists the runs)",
            field="output",
        )
    if robustness.tier != "request":
        raise InvalidInput(
            f"output={SAMPLES!r} answers the noisy samples, and tier {robustness.tier!r} draws none; use "
            "tier 'request'",
            field="output",
        )
    for name in _STOPS:
        if getattr(robustness, name) is not None:
            raise InvalidInput(
                f"output={SAMPLES!r} answers all samples, and {name}={getattr(robustness, name)!r} may end the job "
                f"before they are drawn; leave {name} out, or ask for another output",
                field=f"robustness.{name}",
            )
