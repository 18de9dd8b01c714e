"""The verdict over all attacks and prompts: do more lower bounds cross their certified bounds than alpha allows?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scipy.stats import binom

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.errors import CertificatesFalsified, InvalidDistances

LEVEL: Final = 0.01
"""How often sound certificates may fail a whole run."""
_NAMED: Final = 5


@dataclass(frozen=True)
class Comparison:
    """One attack on one certificate. prompt: names the certificate; certificates that rest on the same samples share
    it. attack: names the attack. lower: what the attack is proven to have done. certified: what no attack can exceed.
    Both in the same units."""

    prompt: str
    attack: str
    lower: float
    certified: float

    @property
    def margin(self) -> float:
        """Returns how far the attack stays below the certified bound; negative where it crosses."""
        return self.certified - self.lower

    @property
    def crosses(self) -> bool:
        """Returns whether the lower bound is above the certified bound."""
        return self.lower > self.certified


@dataclass(frozen=True)
class Verdict:
    """What all comparisons together say of the certificates.

    crossings: the comparisons that cross. prompts: how many certificates were attacked. crossed: how many of them were
    crossed by one attack or more. allowance: the most that the probability of being crossed is for a sound
    certificate. p_value: how probable so many crossed certificates are at least where all are sound. level: below
    which p-value the run fails.
    """

    crossings: tuple[Comparison, ...]
    prompts: int
    crossed: int
    allowance: float
    p_value: float
    level: float

    @property
    def sound(self) -> bool:
        """Returns whether the crossings are no more than chance allows. No proof that the certificates are sound."""
        return self.p_value > self.level


def judge(
    comparisons: Iterable[Comparison], *, certificate_alpha: float, falsification_alpha: float, level: float = LEVEL
) -> Verdict:
    """Returns whether so many crossings can be chance: a binomial test over prompts, each counted once.

    certificate_alpha: with what probability one certificate may be wrong. falsification_alpha: that of EACH lower
    bound. A sound certificate is crossed with probability at most certificate_alpha + (its attacks)·
    falsification_alpha, and certificates of different prompts are independent. P(a run of sound certificates fails) ≤
    level. Raises InvalidAlpha, and InvalidDistances without a comparison or for a NaN.

    Proof: docs/theory/evaluation.md, "Crossings".
    """
    for alpha in (certificate_alpha, falsification_alpha, level):
        require_alpha(alpha)
    attacks: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        if comparison.margin != comparison.margin:
            raise InvalidDistances(
                f"attack {comparison.attack!r} on {comparison.prompt!r} compares {comparison.lower!r} with "
                f"{comparison.certified!r}; give numbers",
                field="comparisons",
            )
        attacks[comparison.prompt].append(comparison)
    if not attacks:
        raise InvalidDistances("a verdict needs one comparison or more, got none", field="comparisons")
    crossings = tuple(c for found in attacks.values() for c in found if c.crosses)
    crossed = len({c.prompt for c in crossings})
    most_attacks = max(map(len, attacks.values()))
    allowance = min(1.0, certificate_alpha + most_attacks * falsification_alpha)
    p_value = float(binom.sf(crossed - 1, len(attacks), allowance))
    return Verdict(crossings, len(attacks), crossed, allowance, p_value, level)


def require_no_crossing(verdict: Verdict) -> None:
    """Raises CertificatesFalsified where more certificates were crossed than chance allows; names the worst crossings.

    A verdict of few crossings passes: read `verdict.crossings` all the same.
    """
    if verdict.sound:
        return
    worst = sorted(verdict.crossings, key=lambda c: c.margin)[:_NAMED]
    named = "; ".join(f"{c.attack!r} on {c.prompt!r}: {c.lower:.6g} above {c.certified:.6g}" for c in worst)
    raise CertificatesFalsified(
        f"{verdict.crossed} of {verdict.prompts} certificates were crossed by an attack, which sound certificates are "
        f"with probability {verdict.p_value:.2g} (each may be with {verdict.allowance:.2g}): {named}; do not serve "
        "this model's certificates before the fault is found"
    )
