"""What a request may say that asks for all noisy samples (`"output": "samples"`)."""

from __future__ import annotations

from typing import Final

from smoothgen.contracts import EMBEDDING, SAMPLES, UNNOISED, GenerateRequest, ImageParameters, JobSpec
from smoothgen.errors import InvalidInput

_STOPS: Final = ("epsilon", "radius_tolerance", "deadline_s")
_BYTES_A_TOKEN: Final = 16
_BYTES_A_PIXEL: Final = 4  # three channels, hardly compressed, as base64
_BYTES_A_SAMPLE: Final = 200  # its place, and a file's header


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


def require_room_for_samples(spec: JobSpec, most_bytes: int) -> None:
    """Raises InvalidInput where all samples are asked for and may take more than `most_bytes`, by their number and the
    size of a picture or the most tokens of a text."""
    if spec.request.output != SAMPLES:
        return
    parameters = spec.parameters
    if isinstance(parameters, ImageParameters):
        one = _BYTES_A_PIXEL * (parameters.width or 0) * (parameters.height or 0)
        remedy = "smaller pictures"
    else:
        one, remedy = _BYTES_A_TOKEN * parameters.max_new_tokens, "fewer max_new_tokens"
    count = spec.request.robustness.selection_samples + spec.certification_samples
    needed = count * (one + _BYTES_A_SAMPLE)
    if needed > most_bytes:
        raise InvalidInput(
            f"output={SAMPLES!r} would answer {count} samples of about {needed / 2**20:.0f} MiB, beyond this server's "
            f"limit of {most_bytes / 2**20:.0f} MiB (SMOOTHGEN_MAX_OUTPUT_BYTES); ask for fewer samples or {remedy}",
            field="output",
        )
