"""Certifies and verifies fleets (T5): how far attacks can move the AVERAGE request, from one extra draw a request.

Request i is served one draw; a second, independent draw lies at distance R_i from it. One byte of it is kept, in order
of submission. Proofs, assumptions and what is not claimed: docs/theory/fleet.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.certificates.checks.recomputed import is_sound_bound
from smoothgen.certificates.fleet.certificate import FleetCertificate
from smoothgen.certificates.fleet.counts import FLEET_V1
from smoothgen.certificates.fleet.grid import (
    GRID,
    NOT_SERVED,
    OUTSTANDING,
    THRESHOLDS,
    fleet_bin,
    fleet_thresholds,
)
from smoothgen.certificates.fleet.levels import LOOKS, exceedance_limit, look_alpha, look_size
from smoothgen.certificates.fleet.subject import FleetSubject
from smoothgen.certificates.format.document import content_digest, parse_json
from smoothgen.certificates.format.json_data import is_number
from smoothgen.certificates.meaning.sections import require_plain_names
from smoothgen.certificates.verification import Check, Verification, checked
from smoothgen.errors import InvalidCertificate, InvalidDistances
from smoothgen.mechanisms import Mechanism

__all__ = [
    "GRID",
    "NOT_SERVED",
    "OUTSTANDING",
    "FleetCertificate",
    "FleetSubject",
    "certify_fleet",
    "exceedance_limit",
    "fleet_bin",
    "fleet_thresholds",
    "verify_fleet",
]


def certify_fleet(
    bins: bytes,
    *,
    diameter: float,
    mechanism: Mechanism,
    alpha: float,
    closed: bool,
    rounding_slack: float = 0.0,
    subject: FleetSubject | None = None,
) -> FleetCertificate:
    """Certifies the average request of one pool in one window (T5).

    Args:
        bins: one byte a submission, in order of SUBMISSION: `fleet_bin` of its distance, OUTSTANDING or NOT_SERVED.
        diameter: D, at least every possible distance between two outputs, metric units.
        mechanism: the noise every request of the pool was served with.
        alpha: failure probability of everything that is ever read from this window, in [1e-12, 1).
        closed: whether the window's time is over, so that no further submission can belong to it. Half of alpha is for
            that one look at all requests; the other half is shared by the looks at a running window, which may
            be read at any time and as often as anybody likes.
        rounding_slack: as in `certify`: mechanism.rounding_slack(numbers of the largest x in the pool).
        subject: which requests these are. Without it the numbers stand, and `verify_fleet` refuses the document.

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
        rounding_slack=float(rounding_slack),
        subject=subject,
    )


def verify_fleet(
    certificate: FleetCertificate | Mapping[str, Any] | str | bytes, *, now: datetime | None = None
) -> Verification:
    """Derives what a stranger's fleet certificate states from its counts again, and compares every number.

    Accepts a FleetCertificate or its JSON document, parsed or as text. What is no fleet certificate gives a verdict as
    well: one failed check, `document`. now: the reader's clock, the system's by default: a window whose time has not
    ended cannot be closed. What it cannot know: whether the counts were honestly made, and all of them.
    """
    try:
        document = certificate
        if isinstance(document, FleetCertificate):
            document = document.to_dict()
        elif isinstance(document, str | bytes):
            document = parse_json(document)
        stated = FleetCertificate.from_dict(document)
        derived = stated.to_dict()
    except InvalidCertificate as error:
        return Verification((Check("document", False, str(error)),))
    strange = sorted(map(str, set(document) ^ set(derived)))
    curve, statement = _curve(document.get("curve"), stated), document.get("statement")
    spoken = stated.said_of(*curve[len(curve) // 4]) if curve else ""
    detail = f"missing or unknown fields: {strange}" if strange else f"reads as {stated.method}"
    checks = [Check("document", not strange, detail)]
    for name in ("confidence", "look_alpha"):
        same = document.get(name) == derived[name]
        checks.append(Check(name, same, f"is {derived[name]!r}, stated {document.get(name)!r:.80}"))
    checks.append(Check("curve", bool(curve), f"{'follows' if curve else 'does not follow'} from the counts"))
    checks.append(Check("statement", bool(curve) and statement == spoken, f"by the numbers: {spoken}"))
    if stated.method == FLEET_V1.name:
        return Verification((*checks, Check("meaning", True, "not checked: fleet/v1 names no model, metric or window")))
    checks += [_digest(document), *_subject(stated, datetime.now(UTC) if now is None else now)]
    unknown = "it has no subject" if stated.subject is None else stated.subject.unknown_meaning
    detail = "the words fix which requests the numbers are about" if unknown is None else f"not checked: {unknown}"
    verdict = Verification((*checks, Check("meaning", True, detail)))
    return Verification(verdict.checks, "checked" if verdict.valid and unknown is None else "not checked")


def _digest(document: Mapping[str, Any]) -> Check:
    try:
        computed = content_digest(document)
    except InvalidCertificate as error:
        return Check("digest", False, str(error))
    matches = document.get("digest") == computed
    stated = f"stated {document.get('digest')!r:.80}, is {computed}"
    return Check("digest", matches, "matches the content" if matches else stated)


def _subject(stated: FleetCertificate, now: datetime) -> list[Check]:
    """Returns the checks of which requests the counts are of, and of whether their window can be what it is called."""
    subject = stated.subject
    if subject is None:
        return [
            Check("subject", False, "names no model, metric, pool and window, so nobody can say whose average it is")
        ]
    return [
        checked(
            "subject",
            f"pool {subject.pool} of model {subject.model!r:.80}",
            lambda: subject.require_sound(stated.diameter, stated.mechanism, stated.rounding_slack),
        ),
        checked(
            "window",
            f"{subject.window:.40} can be {'closed' if stated.closed else 'read'} by now",
            lambda: subject.require_window(closed=stated.closed, now=now),
        ),
        checked("names", "none can be mistaken for a claim", lambda: require_plain_names(stated.mechanism)),
    ]


def _curve(stated: Any, certificate: FleetCertificate) -> list[tuple[float, float]]:
    """Returns the stated curve where it is the certificate's, empty where it is not.

    One unit in the last certified digit is allowed, as another machine's erf may tip the outward rounding over: of
    fleet/v1 either way, of fleet/v2 where the stated bound is itself sound.
    """

    def near(a: float, b: float, exact: float) -> bool:
        if certificate.method != FLEET_V1.name:
            return is_sound_bound(float(a), b, exact)
        return a == b or round_up(math.nextafter(min(a, b), math.inf)) == max(a, b) > 0

    curve = certificate.curve
    if not isinstance(stated, list) or len(stated) != len(curve):
        return []
    exact = certificate.bound_curve.at([epsilon for epsilon, _ in curve])
    for point, (epsilon, bound), unrounded in zip(stated, curve, exact, strict=True):
        if not (isinstance(point, list) and len(point) == 2 and all(map(is_number, point)) and point[0] == epsilon):
            return []
        if not near(point[1], bound, unrounded):
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
    """Returns the look at a running window that is reported: the one with the least price for what nobody has seen.

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
    """Returns how many refused submissions stand before the last of the first `requests` others."""
    refused = np.flatnonzero(submissions == NOT_SERVED)
    return int(np.searchsorted(refused - np.arange(refused.size), requests))
