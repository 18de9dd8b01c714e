"""The exhaustive certificate: the runs, what was asked, and the claims that follow. Frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.certificate import PLAIN_V1
from smoothgen.certificates.exhaustive.claims import ExhaustiveClaims, Keeps, Steps
from smoothgen.certificates.exhaustive.evidence import ExhaustiveEvidence
from smoothgen.certificates.exhaustive.threat import SnapThreat
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims.exact import ExactClaim
from smoothgen.errors import InvalidKeep, InvalidTolerance
from smoothgen.noise import Seed

EXHAUSTIVE_V1: Final = "exhaustive/v1"


@dataclass(frozen=True)
class ExhaustiveCertificate:
    """A proven statement about one generator behind a token snap, with everything needed to derive it again.

    For attacks on the embeddings of l2 norm STRICTLY below `radius`, whatever the attacker knows, the output lies
    within `tolerance` of the prompt's own output in Wasserstein-1, given the generator's own randomness. Nothing is
    sampled, so alpha is 0 (docs/theory/exhaustion.md).

    epsilon: the norm that was asked for, None for the radius. text, output: of the run that breaks the claim, where the
    caller gave them; no number rests on them. score_claims: what holds of scores of the outputs. asks_shift: whether
    the asked epsilon asks for the claim at the tolerance too, and not for those on scores alone. keep: the share that
    an answer was asked to keep, None where none was: below the radius it is kept whole. provenance: its request, model,
    metric and output only. wording: the name of the words of the statement; None in documents older than that name.
    randomness: the seed of the generator's own randomness, of which all runs share one draw; None where it has none,
    and where nobody named it. No number rests on it.
    """

    evidence: ExhaustiveEvidence
    tolerance: float
    epsilon: float | None
    claims: ExhaustiveClaims
    text: str | None = None
    output: str | None = None
    threat: SnapThreat | None = None
    provenance: Provenance = field(default_factory=Provenance)
    id: str | None = None
    requested_at: str | None = None
    score_claims: tuple[ExactClaim, ...] = ()
    wording: str | None = PLAIN_V1
    asks_shift: bool = True
    keep: float | None = None
    randomness: Seed | None = None

    method: ClassVar[str] = EXHAUSTIVE_V1

    @property
    def alpha(self) -> float:
        """Returns 0: no statement rests on samples, so none fails by chance."""
        return 0.0

    @property
    def confidence(self) -> float:
        """Returns 1 − alpha."""
        return 1.0

    @property
    def radius(self) -> float:
        """Returns the l2 norm STRICTLY below which the claim at the tolerance holds. Rounded down, may be infinite."""
        return self.claims.radius

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Returns (epsilon, W₁ bound) where the bound rises: it holds for norms from epsilon on, up to the next."""
        return self.claims.curve

    @property
    def keeps(self) -> tuple[Keeps, ...]:
        """Returns how long the prompt's own answer stays, at distance 0: for norms strictly below each radius."""
        return self.claims.keeps

    def identified(self, certificate_id: str, requested_at: str) -> ExhaustiveCertificate:
        """Returns this certificate with its id and the time (ISO 8601) of the request it answers."""
        return replace(self, id=certificate_id, requested_at=requested_at)

    @cached_property
    def _steps(self) -> Steps:
        return Steps(self.evidence)

    def w1_bound(self, epsilon: float) -> float:
        """Returns an upper bound on W₁ under any attack of norm ≤ epsilon, attacks of exactly that norm included.
        Metric units, rounded up; the diameter from the first sequence not run on.

        Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        return self._steps.at(epsilon)

    def radius_at(self, tolerance: float) -> float:
        """Returns the radius at another tolerance: the bound is at most that for norms STRICTLY below it. Rounded down.

        Raises InvalidTolerance unless the tolerance lies strictly between 0 and the diameter.
        """
        require_tolerance(tolerance, self.evidence.diameter)
        return self._steps.holds_below(self._steps.first_above(tolerance))


def require_tolerance(tolerance: float, diameter: float) -> None:
    """Raises InvalidTolerance unless the tolerance lies strictly between 0 and the diameter."""
    if not (0 < tolerance < diameter and math.isfinite(tolerance)):  # refuses NaN too
        raise InvalidTolerance(
            f"tolerance must lie strictly between 0 and the metric's diameter {diameter!r}, got {tolerance!r}; "
            "at the diameter the claim is empty",
            field="tolerance",
        )


def require_kept_whole(keep: float | None, distances: NDArray[np.float64], diameter: float) -> None:
    """Raises InvalidKeep for a share that is none, and where the runs compare no answers: distances of answers are 0 or
    the diameter. keep: None where none is asked. distances: infinite for a failed run, shape (n,)."""
    if keep is None:
        return
    if not 0 < keep < 1:  # refuses NaN too
        raise InvalidKeep(f"keep must lie strictly between 0 and 1, got {keep!r}; leave it out", field="keep")
    stray = distances[(distances > 0) & (distances < diameter)]
    if stray.size:
        raise InvalidKeep(
            f"keep={keep!r} is about an answer, and distances of answers are 0 or {diameter!r}, got "
            f"{float(stray[0])!r}; leave keep out, and give a tolerance",
            field="keep",
        )
