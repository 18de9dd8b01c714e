"""The certificate of units: the runs, how their units were chosen, what was asked, and what follows. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Final

from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims import claim_share
from smoothgen.certificates.units.choice import UnitChoice, require_altered
from smoothgen.certificates.units.claims import UnitBounds, UnitsClaims
from smoothgen.certificates.units.score_claims import UnitScoreClaim
from smoothgen.certificates.units.threat import UnitsThreat
from smoothgen.noise import Seed

UNITS_V1: Final = "units/v1"


@dataclass(frozen=True)
class UnitsBound:
    """What is proven for a number of altered units.

    w1_bound: metric units, rounded up. share: the least share of runs that give the centre's answer, rounded down, None
    where distances may be other than 0 and D. covered: whether the certificate's own claim is proven for so many.
    """

    altered: int
    w1_bound: float
    share: float | None
    covered: bool


@dataclass(frozen=True)
class UnitsCertificate:
    """A proven statement about a generator that reads a random part of its units, with all that derives it again.

    Whoever replaces, deletes or inserts any `radius` of the units, by anything at all and whatever he knows before the
    units of a run are drawn, leaves the claim standing (docs/theory/units.md). The claim is that the answer of the
    centre keeps at least the share `keep`, or that the law of the outputs moves by at most `tolerance` in W₁.

    seed: of the draws of the units; None where every subset was run, so that alpha is 0. alpha: of all looks together.
    two_valued: whether distances are 0 or D, as those between answers are. altered: the number of units that was asked
    for. looks: where the job could stop early. threat: what the units are. provenance: its request, model, metric and
    output only. score_claims: what holds of scores of the outputs. asks_shift: whether an asked number of altered units
    asks for `keep` or `tolerance` too, and not for the claims on scores alone.
    """

    evidence: Evidence
    choice: UnitChoice
    seed: Seed | None
    alpha: float
    tolerance: float | None
    keep: float | None
    altered: int | None
    two_valued: bool
    claims: UnitsClaims
    looks: LookPlan | None = None
    threat: UnitsThreat | None = None
    provenance: Provenance = field(default_factory=Provenance)
    id: str | None = None
    requested_at: str | None = None
    score_claims: tuple[UnitScoreClaim, ...] = ()
    asks_shift: bool = True

    method: ClassVar[str] = UNITS_V1

    @property
    def sampled(self) -> bool:
        """Returns whether the runs were drawn, so that there is a confidence below 1."""
        return self.seed is not None

    @property
    def confidence(self) -> float:
        """Returns 1 − alpha."""
        return complement(self.alpha)

    @property
    def radius(self) -> int:
        """Returns the most altered units for which the claim is proven, 0 if none."""
        return self.claims.radius

    @property
    def missing(self) -> int:
        """Returns how many subsets were to be run and were not; they count as lost. 0 where runs were drawn."""
        return 0 if self.sampled else (self.choice.subsets or 0) - self.evidence.samples

    @cached_property
    def bounds(self) -> UnitBounds:
        """Returns the bounds that the claim on distances is read from. Raises what `LookPlan.look_at` raises."""
        alpha = None if self.seed is None else self.alpha
        if self.looks is not None:
            alpha = self.looks.alphas[self.looks.look_at(self.evidence.samples)]
        share = None if alpha is None else claim_share(alpha, len(self.score_claims))
        return UnitBounds(self.evidence, self.choice, share, self.two_valued)

    def bound_for(self, altered: int) -> UnitsBound:
        """Returns what is proven for another list of units, which `altered` edits of single units make of these.

        An edit replaces, deletes or inserts one unit; a unit that moves is two. All bounds of one certificate hold
        together. Raises InvalidParameters unless altered is a whole number of at least 0.
        """
        require_altered(altered, least=0)
        w1, share = self.bounds.w1(altered), self.bounds.share(altered) if self.two_valued else None
        covered = (
            w1 <= self.tolerance if self.tolerance is not None else share is not None and share >= (self.keep or 1)
        )
        return UnitsBound(altered, w1, share, covered)

    def identified(self, certificate_id: str, requested_at: str) -> UnitsCertificate:
        """Returns this certificate with its id and the time (ISO 8601) of the request it answers."""
        return replace(self, id=certificate_id, requested_at=requested_at)
