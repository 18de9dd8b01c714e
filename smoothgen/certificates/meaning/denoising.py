"""What a picture request's generation parameters fix of the mechanism and of x: steps, forward noise, dimension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import ForwardDiffusion, GaussianPerStep, LatentSchedule, Mechanism

_IN_SIGMAS: Final = frozenset(
    {
        "EulerAncestralDiscreteScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "LMSDiscreteScheduler",
    }
)
"""Schedulers whose forward noise is x + σ·ξ."""
_VARIANCE_PRESERVING: Final = frozenset(
    {
        "DDIMScheduler",
        "DDPMScheduler",
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "PNDMScheduler",
        "UniPCMultistepScheduler",
    }
)
"""Schedulers whose forward noise is √ᾱ·x + √(1 − ᾱ)·ξ."""
_SQUARES: Final = 1e-6
"""How far a² + b² may lie from 1: schedulers keep ᾱ in single precision."""
_MOST_HALVINGS: Final = 4
_MOST_CHANNELS: Final = 64


def require_steps(mechanism: Mechanism, parameters: Mapping[str, Any]) -> None:
    """Raises InvalidCertificate where noise is drawn for fewer steps than the request makes any scheduler take.

    Every scheduler has at least as many timesteps as inference steps were asked for, and from a seed image at least
    the share of them that `strength` names.
    """
    if not isinstance(mechanism, GaussianPerStep | LatentSchedule):
        return
    asked = parameters.get("num_inference_steps")
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise _invalid(
            f"request.parameters.num_inference_steps must be a whole number of at least 1, got {asked!r:.80}"
        )
    least = asked
    if parameters.get("image") is not None:
        strength = parameters.get("strength")
        if isinstance(strength, bool) or not (isinstance(strength, int | float) and 0 < strength <= 1):
            raise _invalid(f"request.parameters.strength must lie in (0, 1] with an image, got {strength!r:.80}")
        least = max(1, int(asked * strength))
    if mechanism.steps < least:
        raise _invalid(
            f"mechanism.steps is {mechanism.steps}, and with these parameters a scheduler takes at least {least}"
        )


def require_forward_noise(mechanism: Mechanism, parameters: Mapping[str, Any]) -> None:
    """Raises InvalidCertificate where a·x + b·ξ is no forward noise of the scheduler: neither a² + b² = 1 nor a = 1."""
    if not isinstance(mechanism, ForwardDiffusion):
        return
    scheduler = parameters.get("scheduler")
    preserving = abs(mechanism.signal**2 + mechanism.noise**2 - 1) <= _SQUARES
    in_sigmas = mechanism.signal == 1
    possible = {
        **dict.fromkeys(_IN_SIGMAS, in_sigmas),
        **dict.fromkeys(_VARIANCE_PRESERVING, preserving),
    }.get(str(scheduler), in_sigmas or preserving)
    if not possible:
        raise _invalid(
            f"signal {mechanism.signal!r} and noise {mechanism.noise!r} are no forward noise of scheduler "
            f"{scheduler!r:.80}: either their squares add up to 1, or the signal is 1"
        )


def require_latent(dimension: int, parameters: Mapping[str, Any]) -> None:
    """Raises InvalidCertificate where a latent of so many numbers is none of a picture of the size asked for.

    An autoencoder halves both sides up to four times, and its latent has 1 to 64 channels.
    """
    sides = [parameters.get(name) for name in ("width", "height")]
    width, height = (side if isinstance(side, int) and not isinstance(side, bool) else 0 for side in sides)
    if width < 1 or height < 1:
        raise _invalid(f"request.parameters must state width and height in whole pixels, got {sides!r:.80}")
    places = [(width >> halvings) * (height >> halvings) for halvings in range(_MOST_HALVINGS + 1)]
    if not any(p and dimension % p == 0 and dimension // p <= _MOST_CHANNELS for p in places):
        raise _invalid(f"no latent of a picture of {width}x{height} pixels has {dimension} numbers")


def _invalid(message: str) -> InvalidCertificate:
    return InvalidCertificate(f"threat: {message}", field="threat")
