"""What all rows of attacks say together: whether certificates are crossed, and at which multiple attacks succeed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from smoothgen.errors import CertificatesFalsified, InvalidInput
from smoothgen.evaluation.falsification import Comparison, Verdict, judge, require_no_crossing
from smoothgen.studies.rows import AttackRow

UNPROTECTED: Final = "no protection"
"""The method of rows that attack a model without a certificate."""
PLANTED: Final = "planted fault: "
"""How the method of rows begins whose certificate the harness made faulty on purpose."""
CONTROL: Final = f"{PLANTED}none (control)"
"""The method of sound certificates that are attacked beside the faulty ones, and are not to be refuted."""


@dataclass(frozen=True)
class Falsification:
    """The outcome over all certificates that were attacked.

    sampled: the verdict on certificates that may fail with a probability, None where there are none. exact: crossings
    of certificates that cannot, by lower bounds that cannot either; one is a refutation. attacks: rows compared.
    """

    sampled: Verdict | None
    exact: tuple[Comparison, ...]
    attacks: int

    @property
    def sound(self) -> bool:
        """Returns whether no certificate was refuted. No proof that they are sound."""
        return not self.exact and (self.sampled is None or self.sampled.sound)

    @property
    def crossings(self) -> tuple[Comparison, ...]:
        """Returns every comparison whose lower bound is above the certified bound, chance crossings included."""
        return (*self.exact, *(self.sampled.crossings if self.sampled else ()))


def falsification(rows: Iterable[AttackRow]) -> Falsification:
    """Returns the verdict over rows, those without a certificate left out.

    Rows that name one certificate share its failure probability. A row counts as exact where neither its lower bound
    nor its certificate may fail. Rows of planted faults belong in a verdict of their own (`caught`). Raises
    InvalidInput where both kinds are given.
    """
    protected = [row for row in rows if row.method != UNPROTECTED]
    faulty = {row.method.startswith(PLANTED) for row in protected}
    if len(faulty) > 1:
        raise InvalidInput(
            "rows of planted faults and of served certificates are judged apart: they would fail together", field="rows"
        )
    exact = [row for row in protected if row.alpha == 0 and row.certificate_alpha == 0]
    sampled = [row for row in protected if row.alpha > 0 or row.certificate_alpha > 0]
    verdict = None
    if sampled:
        verdict = judge(
            map(_comparison, sampled),
            # Of certificates with unlike levels the largest counts for all, which only excuses more crossings.
            certificate_alpha=max(_POSITIVE, *(row.certificate_alpha for row in sampled)),
            falsification_alpha=max(_POSITIVE, *(row.alpha for row in sampled)),
        )
    crossed = tuple(c for c in map(_comparison, exact) if c.crosses)
    return Falsification(verdict, crossed, len(protected))


def require_unfalsified(found: Falsification) -> None:
    """Raises CertificatesFalsified where a certificate is refuted: by one exact crossing, or by more crossings of
    sampled ones than chance allows. The message names the worst."""
    if found.exact:
        worst = min(found.exact, key=lambda crossing: crossing.margin)
        raise CertificatesFalsified(
            f"{len(found.exact)} attacks cross an exact certificate, the worst {worst.attack!r} on {worst.prompt!r}: "
            f"{worst.lower:.6g} above {worst.certified:.6g}; do not serve this model's certificates before the fault "
            "is found"
        )
    if found.sampled is not None:
        require_no_crossing(found.sampled)


def caught(rows: Iterable[AttackRow]) -> dict[str, Falsification]:
    """Returns the verdict on every planted fault by the method that rows state. A fault is caught where it is not
    sound."""
    by_fault: dict[str, list[AttackRow]] = defaultdict(list)
    for row in rows:
        if row.method.startswith(PLANTED):
            by_fault[row.method].append(row)
    return {fault: falsification(of_fault) for fault, of_fault in by_fault.items()}


@dataclass(frozen=True)
class Reached:
    """Where attacks on one claim of one certificate succeed.

    multiple: the least multiple of the certified radius at which a lower bound exceeds the tolerance, None where none
    did. attack: which. tried: the largest multiple that was tried. estimated: the least multiple at which an estimate
    without confidence exceeds it. strongest: the largest lower bound at each multiple, in order.
    """

    certificate: str
    model: str
    setting: str
    prompt: str
    method: str
    claim: str
    multiple: float | None
    attack: str | None
    estimated: float | None
    tried: float
    strongest: tuple[tuple[float, float], ...]


def reached(rows: Iterable[AttackRow]) -> list[Reached]:
    """Returns for every claim of every certificate the least multiple at which an attack really exceeds the tolerance.

    Claims without a tolerance (deviations) and rows without a multiple are left out. Unprotected models stand beside
    the certificates whose radii their multiples count.
    """
    groups: dict[tuple[str, str, str], list[AttackRow]] = defaultdict(list)
    for row in rows:
        if row.multiple is not None and row.claim != "deviation":
            groups[row.certificate, row.method, row.claim].append(row)
    return [_reached(of_claim) for of_claim in groups.values()]


def _reached(rows: Sequence[AttackRow]) -> Reached:
    first = rows[0]
    proven = min((row for row in rows if row.lower > row.tolerance), key=lambda row: row.multiple or 0.0, default=None)
    seen = [row.multiple for row in rows if row.estimate > row.tolerance and row.multiple is not None]
    multiples = sorted({row.multiple for row in rows if row.multiple is not None})
    return Reached(
        certificate=first.certificate,
        model=first.model,
        setting=first.setting,
        prompt=first.prompt,
        method=first.method,
        claim=first.claim,
        multiple=None if proven is None else proven.multiple,
        attack=None if proven is None else proven.attack,
        estimated=min(seen, default=None),
        tried=multiples[-1],
        strongest=tuple((m, float(np.max([row.lower for row in rows if row.multiple == m]))) for m in multiples),
    )


_POSITIVE: Final = 1e-12
"""Stands for 0 where a level must be positive."""


def _comparison(row: AttackRow) -> Comparison:
    return Comparison(row.certificate, f"{row.attack}, {row.claim} at {row.epsilon:.4g}", row.lower, row.certified)
