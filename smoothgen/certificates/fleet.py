"""T5, fleets: how far attacks can move the AVERAGE request of a server, from one extra draw a request.

Request i is served one draw; a second, independent draw lies at distance R_i from it. One byte of it is kept, in order
of submission. Proofs, assumptions and what is not claimed: docs/theory/fleet.md.

fleet_grid (a distance as one byte) ← fleet_certificate (counts, and what they prove) ← fleet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bands import require_alpha
from smoothgen.certificates.document import parse_json
from smoothgen.certificates.fleet_certificate import (
    LOOKS,
    FleetCertificate,
    exceedance_limit,
    look_alpha,
    look_size,
)
from smoothgen.certificates.fleet_grid import (
    GRID,
    NOT_SERVED,
    OUTSTANDING,
    THRESHOLDS,
    fleet_bin,
    fleet_thresholds,
)
from smoothgen.certificates.rounding import round_up
from smoothgen.certificates.verify import Check, Verification
from smoothgen.errors import InvalidCertificate, InvalidDistances
from smoothgen.mechanisms import Mechanism

__all__ = [
    "GRID",
    "NOT_SERVED",
    "OUTSTANDING",
    "FleetCertificate",
    "certify_fleet",
    "exceedance_limit",
    "fleet_bin",
    "fleet_thresholds",
    "verify_fleet",
]


def certify_fleet(
    bins: bytes, *, diameter: float, mechanism: Mechanism, alpha: float, closed: bool
) -> FleetCertificate:
    """Certify the average request of one pool in one window (T5).

    Args:
        bins: one byte a submission, in order of SUBMISSION: `fleet_bin` of its distance, OUTSTANDING or NOT_SERVED.
        diameter: D, at least every possible distance between two outputs, metric units.
        mechanism: the noise every request of the pool was served with.
        alpha: failure probability of everything that is ever read from this window, in [1e-12, 1).
        closed: whether the window's time is over, so that no further submission can belong to it. Half of alpha is for
            that one look at all requests; the other half is shared by the looks at a running window, which may
            be read at any time and as often as anybody likes.

    Returns:
        The certificate of all requests of a closed window; of the first 2^j of a running one, for the j of least price
        (see `_look`). With no request at all, T1 is what it certifies.

    Raises:
        InvalidDistances for a byte that is no bin, InvalidAlpha, InvalidMetric.
    """
    require_alpha(alpha)
    submissions = np.frombuffer(bins, dtype=np.uint8)
    _require_bins(submissions)
    taken = submissions[submissions != NOT_SERVED]
    look = None if closed else _look(taken, alpha)
    requests = len(taken) if closed else 0 if look is None else look_size(look)
    tally = np.bincount(taken[:requests], minlength=OUTSTANDING + 1)
    return FleetCertificate(
        counts=tuple((requests - np.cumsum(tally[:THRESHOLDS])).tolist()),
        requests=requests,
        outstanding=int(tally[OUTSTANDING]),
        left_out=len(submissions) - len(taken) if closed else _refused_before(submissions, requests),
        submitted=len(submissions),
        diameter=float(diameter),
        mechanism=mechanism,
        alpha=float(alpha),
        closed=closed,
        look=look,
    )


def verify_fleet(certificate: FleetCertificate | Mapping[str, Any] | str | bytes) -> Verification:
    """Derive what a stranger's fleet certificate states from its counts again, and compare every number.

    Accepts a FleetCertificate or its JSON document, parsed or as text. What is no fleet certificate gives a verdict as
    well: one failed check, `document`. What it cannot know: whether the counts were honestly made.
    """
    try:
        document = certificate
        if isinstance(document, FleetCertificate):
            document = document.to_dict()
        elif isinstance(document, str | bytes):
            document = parse_json(document)
        stated = FleetCertificate.from_dict(document)
    except InvalidCertificate as error:
        return Verification((Check("document", False, str(error)),))
    derived = stated.to_dict()
    strange = sorted(map(str, set(document) ^ set(derived)))
    curve, statement = _curve(document.get("curve"), stated), document.get("statement")
    spoken = stated.said_of(*curve[len(curve) // 4]) if curve else ""
    checks = [
        Check("document", not strange, f"missing or unknown fields: {strange}" if strange else "reads as fleet/v1")
    ]
    for name in ("confidence", "look_alpha"):
        same = document.get(name) == derived[name]
        checks.append(Check(name, same, f"is {derived[name]!r}, stated {document.get(name)!r:.80}"))
    checks.append(Check("curve", bool(curve), f"{'follows' if curve else 'does not follow'} from the counts"))
    checks.append(Check("statement", bool(curve) and statement == spoken, f"by the numbers: {spoken}"))
    return Verification(tuple(checks))


def _curve(stated: Any, certificate: FleetCertificate) -> list[tuple[float, float]]:
    """The stated curve where it is the certificate's, empty where it is not.

    One unit in the last certified digit is allowed: another machine's erf may tip the outward rounding over.
    """

    def near(a: object, b: float) -> bool:
        if isinstance(a, bool) or not isinstance(a, int | float):
            return False
        return a == b or round_up(math.nextafter(min(a, b), math.inf)) == max(a, b) > 0

    curve = certificate.curve
    if not isinstance(stated, list) or len(stated) != len(curve):
        return []
    for point, (epsilon, bound) in zip(stated, curve, strict=True):
        if not (isinstance(point, list) and len(point) == 2 and point[0] == epsilon and near(point[1], bound)):
            return []
    return [(epsilon, float(point[1])) for point, (epsilon, _) in zip(stated, curve, strict=True)]


def _require_bins(submissions: NDArray[np.uint8]) -> None:
    stray = (submissions > THRESHOLDS) & (submissions < NOT_SERVED)
    if stray.any():
        at = int(np.argmax(stray))
        raise InvalidDistances(
            f"byte {at} is {int(submissions[at])}, which is no bin of {GRID!r} (0 to {THRESHOLDS}), "
            f"nor NOT_SERVED ({NOT_SERVED}) nor OUTSTANDING ({OUTSTANDING})",
            field="bins",
        )


def _look(taken: NDArray[np.uint8], alpha: float) -> int | None:
    """Which look at a running window is reported: the one with the least price for what nobody has seen.

    That price is the level its outstanding requests force by themselves: the more requests the lower, unless too many
    of the last ones are still under way. It reads which requests have ended and no distance, so it cannot favour the
    requests that look good. (It might: all looks are paid for. But the average is meant to describe the traffic.)
    """
    looks = np.array([j for j in range(LOOKS) if look_size(j) <= len(taken)])
    if not looks.size:
        return None
    sizes = 1 << looks
    outstanding = np.searchsorted(np.flatnonzero(taken == OUTSTANDING), sizes)
    price = exceedance_limit(outstanding, sizes, look_alpha(alpha, closed=False) / THRESHOLDS)
    return int(looks[price == price.min()][-1])


def _refused_before(submissions: NDArray[np.uint8], requests: int) -> int:
    """How many refused submissions stand before the last of the first `requests` others."""
    refused = np.flatnonzero(submissions == NOT_SERVED)
    return int(np.searchsorted(refused - np.arange(refused.size), requests))
