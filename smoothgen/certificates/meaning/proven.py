"""What a stated Lipschitz constant must fit: its metric, the one adapter that proves any, and the distances. And what a
selected noise level must have paid for."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.meaning.metrics import METRICS, PIXEL_RMSE
from smoothgen.certificates.meaning.sections import NOT_RANDOM
from smoothgen.certificates.meaning.threats import attack_named, is_one_pass
from smoothgen.certificates.sigma_selection import SigmaSelection
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import Gaussian, SynonymClasses
from smoothgen.mechanisms.grid import grid_step

MOST_FACTORS: Final = 256
LEAST_FACTOR: Final = 1e-6
"""A layer that shortens everything a million times hands on nothing that an 8-bit picture could show: of the numbers
that networks are trained to, none is so small, and the smallest honest factor, 1/√m of the largest picture, is 10⁻⁴."""
_TWO_ROUNDINGS: Final = 1 / 255
"""Pixel RMSE: half of one of 255 levels, in each of two pictures."""
_TAIL: Final = 9.0
"""A standard normal vector of d numbers is longer than √d + 9 with probability e^(−40.5)."""


def require_plausible(lipschitz: Lipschitz, certificate: Certificate) -> None:
    """Raises InvalidCertificate where the constant has no metric, cannot be of this kind of model, has implausible
    factors, or is contradicted by the distances.

    What is left to a signature: that the factors bound the layers of the model named.
    """
    metric = certificate.provenance.metric
    if metric is None:
        raise _invalid("a constant holds in one metric, and the document has no metric section")
    if len(lipschitz.factors) > MOST_FACTORS or min(lipschitz.factors) < LEAST_FACTOR:
        raise _invalid(
            f"factors must be at most {MOST_FACTORS} numbers of at least {LEAST_FACTOR:g}, got "
            f"{len(lipschitz.factors)}, the least {min(lipschitz.factors)!r}"
        )
    threat, sampling = certificate.provenance.threat, certificate.provenance.sampling
    if sampling is not None and sampling.snap is not None:
        raise _invalid("a model behind a snap jumps between the rows of its table, so no constant holds for it")
    attack = None if threat is None else attack_named(threat.attack_on)
    request = certificate.provenance.request
    foreign = attack is not None and (attack.kind != "head" or (request is not None and not is_one_pass(request)))
    if foreign or (metric.name in METRICS and metric.name != PIXEL_RMSE.name):
        raise _invalid(
            f"constants are proven for picture networks of one pass, in {PIXEL_RMSE.name!r}; not for this kind of "
            f"model in {metric.name!r}"
        )
    _require_offset(lipschitz, certificate)
    _require_spread(lipschitz, certificate)


def require_paid(selection: SigmaSelection, certificate: Certificate) -> None:
    """Raises InvalidCertificate where a level was selected under noise whose rounding is not paid for, in a certificate
    that pays for that of its own noise."""
    threat = certificate.provenance.threat
    if threat is None or certificate.rounding_slack == 0:
        return
    least = Gaussian(selection.selection_sigma).rounding_slack(max(0, threat.dimension))
    if selection.rounding_slack < least * (1 - 1e-12):
        raise InvalidCertificate(
            f"sigma_selection.rounding_slack must be at least {least!r} for {threat.dimension} numbers, got "
            f"{selection.rounding_slack!r}",
            field="sigma_selection.rounding_slack",
        )


def _require_offset(lipschitz: Lipschitz, certificate: Certificate) -> None:
    """Raises InvalidCertificate unless the offset holds what rounding adds: two served pictures are each rounded by
    half a level, two noisy x by half a step of the noise's grid in every number."""
    metric, threat, mechanism = certificate.provenance.metric, certificate.provenance.threat, certificate.mechanism
    if metric is None or metric.name != PIXEL_RMSE.name:
        return
    noise = mechanism.then if isinstance(mechanism, SynonymClasses) else mechanism
    least = _TWO_ROUNDINGS
    if threat is not None and isinstance(noise, Gaussian):
        least += lipschitz.constant * grid_step(noise.sigma) * math.sqrt(max(0, threat.dimension))
    if lipschitz.offset < least * (1 - 1e-12):
        raise _invalid(
            f"offset must be at least {least!r}, what rounding both pictures to 8 bits and both x to the noise's grid "
            f"can add, got {lipschitz.offset!r}"
        )


def _require_spread(lipschitz: Lipschitz, certificate: Certificate) -> None:
    """Samples with one draw of the generator's own randomness lie no further apart than the constant times their noise.

    An honest document fails this with probability below n·e^(−40).
    """
    threat, sampling, mechanism = certificate.provenance.threat, certificate.provenance.sampling, certificate.mechanism
    distances = certificate.evidence.distances[np.isfinite(certificate.evidence.distances)]
    one_draw = sampling is not None and sampling.randomness in ("common", NOT_RANDOM)
    if threat is None or not one_draw or not isinstance(mechanism, Gaussian) or len(distances) < 2:
        return
    length = mechanism.sigma * (math.sqrt(max(0, threat.dimension)) + _TAIL)
    apart = float(distances.max()) - float(distances.min())
    possible = (2 * lipschitz.constant * length + lipschitz.offset) * (1 + 1e-3)
    if apart > possible:
        raise _invalid(
            f"the distances lie {apart:.6g} apart, and with constant {lipschitz.constant!r} and this noise they could "
            f"lie {possible:.6g} apart at most"
        )


def _invalid(message: str) -> InvalidCertificate:
    return InvalidCertificate(f"lipschitz: {message}", field="lipschitz")
