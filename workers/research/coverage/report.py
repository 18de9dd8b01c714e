"""The results of a run: shares by kind, as numbers, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from workers.research.coverage.edits import CHANGED, SAME, Kind
from workers.research.coverage.measure import Asked, Measured, Place

SCHEMA: Final = "smoothgen/coverage/v1"
_NAMED: Final = 20


@dataclass(frozen=True)
class Share:
    """The edits of one kind. `own_bound`: those whose own bound on W₁ is within the tolerance, the ball or not;
    `median_radii`: the median distance of those that can be compared, in certified radii."""

    kind: str
    edits: int
    comparable: int
    covered: int
    own_bound: int
    median_radii: float | None

    @property
    def share(self) -> float:
        """Returns the covered share of all edits, those that cannot be compared included."""
        return self.covered / self.edits if self.edits else 0.0


def share_of(measured: Sequence[Measured], kinds: Sequence[Kind], name: str) -> Share:
    """Returns the counts of the edits of these kinds together."""
    found = [(m, p) for m in measured for p in m.places if p.edit.kind in kinds]
    radii = [p.radii for _, p in found if p.radii is not None]
    return Share(
        kind=name,
        edits=len(found),
        comparable=sum(p.answer.comparable for _, p in found),
        covered=sum(p.covered for _, p in found),
        own_bound=sum(p.covered or _within(m, p) for m, p in found),
        median_radii=float(np.median(radii)) if radii else None,
    )


def _within(measured: Measured, place: Place) -> bool:
    return place.answer.w1_bound is not None and place.answer.w1_bound <= measured.certificate.tolerance


def shares(measured: Sequence[Measured]) -> list[Share]:
    """Returns one for every kind that occurs, and one each for all that keep the meaning and all that change it."""
    by_kind = [share_of(measured, [kind], kind) for kind in (*SAME, *CHANGED)]
    totals = [share_of(measured, SAME, "same meaning"), share_of(measured, CHANGED, "another meaning")]
    return [s for s in (*by_kind, *totals) if s.edits]


def table(measured: Sequence[Measured]) -> str:
    """Returns the shares as a table for a terminal, and the covered edits of another meaning word for word."""
    radii = [m.certificate.radius for m in measured]
    lines = [
        f"{len(measured)} prompts, radius {min(radii):.4g} to {max(radii):.4g}, median {np.median(radii):.4g}",
        "",
        f"{'kind of edit':<18}{'edits':>7}{'comparable':>12}{'inside':>8}{'share':>8}{'own bound':>11}{'distance':>11}",
    ]
    for s in shares(measured):
        if s.kind == "same meaning":
            lines.append("")
        distance = "" if s.median_radii is None else f"{s.median_radii:.2f}"
        lines.append(
            f"{s.kind:<18}{s.edits:>7}{s.comparable:>12}{s.covered:>8}{s.share:>8.1%}"
            f"{s.own_bound / s.edits:>11.1%}{distance:>11}"
        )
    lines += [
        "",
        "inside: in the certified ball, or in the same synonym classes. own bound: the bound for this very prompt is",
        "within the tolerance. distance: the median, in certified radii. What cannot be compared is not covered.",
    ]
    if wrong := [(m.prompt, p) for m in measured for p in m.places if p.covered and not p.edit.same]:
        lines += ["", "of another meaning, and inside:"]
        lines += [f"  {prompt!r} and {p.edit.text!r} ({p.edit.kind})" for prompt, p in wrong[:_NAMED]]
        lines += [f"  … and {len(wrong) - _NAMED} more"] if len(wrong) > _NAMED else []
    return "\n".join(lines)


def document(model: str, digest: str, asked: Asked, measured: Sequence[Measured]) -> dict[str, Any]:
    """Returns everything as JSON: settings, shares, and every edit with its distance and what was proven of it."""
    return {
        "schema": SCHEMA,
        "model": {"name": model, "digest": digest},
        "asked": asdict(asked),
        "shares": [{**asdict(s), "share": s.share} for s in shares(measured)],
        "prompts": [
            {
                "prompt": m.prompt,
                "radius": m.certificate.radius,
                "tolerance": m.certificate.tolerance,
                "mechanism": m.certificate.mechanism.to_dict(),
                "edits": [_edit(p) for p in m.places],
            }
            for m in measured
        ],
    }


def _edit(place: Place) -> dict[str, Any]:
    said = place.answer.model_dump(exclude={"prompt"}, exclude_none=True)
    swap = {} if place.edit.swap is None else {"swap": list(place.edit.swap)}
    return {
        "kind": place.edit.kind,
        "same": place.edit.same,
        "text": place.edit.text,
        **swap,
        "covered": place.covered,
        "distance_in_radii": place.radii,
        **said,
    }
