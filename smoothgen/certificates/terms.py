"""The terms of a job: everything its certificate is made under, beside the distances."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED, require_alpha
from smoothgen.certificates.bounds.keeps import require_keep
from smoothgen.certificates.bounds.lipschitz import Lipschitz, require_l2, require_proven_in
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.goals import AnswerKeeps, Goal, W1Within
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims.asked import AskedClaim, require_asked, require_distinct
from smoothgen.certificates.score_claims.shares import claim_share
from smoothgen.certificates.sigma_selection import SigmaSelection, remaining_alpha, require_sound_selection
from smoothgen.errors import InvalidDistances, InvalidEpsilon, InvalidKeep, InvalidTolerance
from smoothgen.mechanisms import Mechanism


@dataclass(frozen=True)
class Terms:
    """What is asked of a certificate and what it may rest on. Fixed before a certification sample is drawn.

    The fields are the keywords of `certify`, which describes each. Making terms checks nothing: the functions that
    certify under them do, through the methods below.
    """

    mechanism: Mechanism
    alpha: float
    tolerance: float
    epsilon: float | None = None
    band: str = ORDER_STATISTICS.name
    provenance: Provenance = field(default_factory=Provenance)
    plan: LookPlan | None = None
    sigma_selection: SigmaSelection | None = None
    lipschitz: Lipschitz | None = None
    rounding_slack: float = 0.0
    keep: float | None = None
    score_claims: tuple[AskedClaim, ...] = ()
    asks_shift: bool = True

    def __post_init__(self) -> None:
        # Plain floats: a numpy scalar or an int prints differently, and the certificate is read back as floats.
        for name in ("alpha", "tolerance", "epsilon", "rounding_slack", "keep"):
            value = getattr(self, name)
            if value is not None and type(value) is not float:
                object.__setattr__(self, name, float(value))

    @property
    def goal(self) -> Goal:
        """Returns the claim whose radius is reported and at which sampling aims: the share to be kept where one is
        asked for, else the tolerance."""
        return W1Within(self.tolerance) if self.keep is None else AnswerKeeps(self.keep)

    @property
    def of_distances_alone(self) -> Terms:
        """Returns these terms without the claims on scores."""
        return replace(self, score_claims=(), asks_shift=True)

    @property
    def reach(self) -> float:
        """Returns the largest epsilon that anything is claimed for: beyond it an attack may be served at another
        sigma."""
        return math.inf if self.sigma_selection is None else self.sigma_selection.radius

    def bounds(self, diameter: float) -> ShiftBounds:
        """Returns how bounds follow from a band under these terms. diameter: D, metric units. Raises InvalidSlack."""
        return ShiftBounds(
            diameter=diameter,
            mechanism=self.mechanism,
            rounding_slack=self.rounding_slack,
            reach=self.reach,
            lipschitz=self.lipschitz,
        )

    def require_sound_request(self, diameter: float) -> None:
        """Raises InvalidAlpha, InvalidTolerance, InvalidEpsilon, InvalidKeep or InvalidClaim for what cannot be asked.

        diameter: D, metric units.
        """
        require_alpha(self.alpha)
        require_distinct(self.score_claims)
        require_asked(self.score_claims, asks_shift=self.asks_shift, keep=self.keep)
        if not 0 < self.tolerance < diameter:  # refuses NaN too
            raise InvalidTolerance(
                f"tolerance must lie strictly between 0 and the metric's diameter {diameter!r}, "
                f"got {self.tolerance!r}; at the diameter the claim is empty",
                field="tolerance",
            )
        if self.epsilon is not None and not (math.isfinite(self.epsilon) and self.epsilon > 0):
            raise InvalidEpsilon(f"epsilon must be a positive finite number, got {self.epsilon!r}", field="epsilon")
        if self.keep is not None:
            require_keep(self.keep)
            if self.band != TWO_VALUED.name:
                raise InvalidKeep(
                    f"keep={self.keep!r} is a share of sampled answers, so it needs distances that say whether two "
                    f"answers are equal: band {TWO_VALUED.name!r}, got {self.band!r}; leave keep out",
                    field="keep",
                )

    def require_sound_output(self) -> None:
        """Raises InvalidDistances where the output named lies at an impossible distance."""
        output = self.provenance.output
        distance = None if output is None else output.distance_to_centre
        # A negative one would put the deviation from the output below the deviation from the centre.
        if distance is not None and not (math.isfinite(distance) and distance >= 0):
            raise InvalidDistances(
                f"output.distance_to_centre must be a finite number of at least 0, got {distance!r}",
                field="output.distance_to_centre",
            )

    def alpha_of_looks(self) -> float:
        """Returns the alpha that all looks together may spend. First checks the σ selection and the Lipschitz constant.

        Raises InvalidSigma, InvalidAlpha, or InvalidMetric where the mechanism measures attacks in another norm, or the
        certificate distances in another metric, than the Lipschitz constant is proven for.
        """
        if self.lipschitz is not None:
            require_l2(self.mechanism, "a Lipschitz constant")
            if self.provenance.metric is not None:
                require_proven_in(self.lipschitz, self.provenance.metric.name)
        if self.sigma_selection is None:
            return self.alpha
        require_sound_selection(self.sigma_selection, self.mechanism, self.alpha)
        return remaining_alpha(self.alpha, self.sigma_selection.alpha)

    def alpha_of_look(self, samples: int) -> float:
        """Returns the alpha that a look at so many samples may spend on its distances, and again on each claim on a
        score: an equal share each. Without a plan there is one look, and it has all.

        Raises InvalidDistances for a number of samples that is no look, InvalidAlpha for looks that spend too much, and
        as `alpha_of_looks` does.
        """
        together = self.alpha_of_looks()
        if self.plan is None:
            return self.share_of(together)
        self.plan.require_within(together)
        return self.share_of(self.plan.alphas[self.plan.look_at(samples)])

    def share_of(self, look_alpha: float) -> float:
        """Returns what the distances, and each claim on a score, may spend of a look's alpha. Raises InvalidAlpha."""
        return claim_share(look_alpha, len(self.score_claims))

    def require_plan(self) -> LookPlan:
        """Returns the plan of a job that decides at its looks. Raises InvalidDistances where there is none."""
        if self.plan is None:
            raise InvalidDistances(
                "a job that decides at its looks needs a plan of them; LookPlan.single(samples, alpha) looks once",
                field="plan",
            )
        return self.plan
