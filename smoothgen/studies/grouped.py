"""The rows of a folder with their provenance, and rows that belong together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from smoothgen.evaluation.curves import Radii
from smoothgen.studies.rows import AttackRow, CertificateRow, CostRow, FidelityRow, Provenance
from smoothgen.studies.store import Finished

R = TypeVar("R", AttackRow, CertificateRow, CostRow, FidelityRow)
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Measured(Generic[R]):
    """A row and where it comes from."""

    row: R
    source: Provenance


@dataclass(frozen=True)
class Rows:
    """Every row of a study, by kind, in a fixed order."""

    certificates: tuple[Measured[CertificateRow], ...]
    attacks: tuple[Measured[AttackRow], ...]
    fidelity: tuple[Measured[FidelityRow], ...]
    costs: tuple[Measured[CostRow], ...]

    @property
    def models(self) -> list[str]:
        """Returns the models of all rows, sorted."""
        kinds = (self.certificates, self.attacks, self.fidelity, self.costs)
        return sorted({one.row.model for kind in kinds for one in kind})


def rows_of(finished: Iterable[Finished]) -> Rows:
    """Returns the rows of finished tasks. Tasks stand in the order of study, model, setting and prompt, whatever order
    they were finished in."""
    ordered = sorted(finished, key=lambda f: (f.task.study, f.task.model, f.task.setting, f.task.prompt or ""))

    def of(kind: type[R]) -> tuple[Measured[R], ...]:
        return tuple(Measured(row, f.provenance) for f in ordered for row in f.rows if isinstance(row, kind))

    return Rows(of(CertificateRow), of(AttackRow), of(FidelityRow), of(CostRow))


def groups(rows: Iterable[Measured[R]], key: Callable[[R], K]) -> dict[K, list[Measured[R]]]:
    """Returns rows by key, keys in the order in which they come first."""
    found: dict[K, list[Measured[R]]] = {}
    for one in rows:
        found.setdefault(key(one.row), []).append(one)
    return found


def sources(rows: Iterable[Measured[R]]) -> tuple[Provenance, ...]:
    """Returns where rows come from."""
    return tuple(one.source for one in rows)


def radii(rows: Sequence[Measured[CertificateRow]]) -> Radii:
    """Returns the radii of certificates, None where one abstained."""
    return Radii(tuple(None if one.row.abstained is not None else one.row.radius for one in rows))
