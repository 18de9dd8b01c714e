"""Attacks against certificates: whether one crossed, the margins, and where attacks reach the tolerance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from smoothgen.studies.falsified import CONTROL, PLANTED, UNPROTECTED, Falsification, caught, falsification, reached
from smoothgen.studies.grouped import Measured, groups, sources
from smoothgen.studies.reports.blocks import Line, Picture, Section, Table
from smoothgen.studies.reports.certified import file_name
from smoothgen.studies.reports.figures import NONE, at_least, at_most, median, plain, share
from smoothgen.studies.reports.pictures import Point, multiples
from smoothgen.studies.rows import AttackRow

Attacks = Sequence[Measured[AttackRow]]
DEVIATION = "deviation"
"""The claim of T3, a probability at every distance: it has no tolerance to reach."""


def real(rows: Attacks) -> Attacks:
    """Returns the attacks on certificates that are meant to hold."""
    return [one for one in rows if one.row.method != UNPROTECTED and not one.row.method.startswith(PLANTED)]


def verdict_of(rows: Attacks) -> Falsification | None:
    """Returns the verdict over all attacks on certificates, None without any."""
    attacks = real(rows)
    return falsification(one.row for one in attacks) if attacks else None


def section(model: str, rows: Attacks) -> Section | None:
    """Returns the section of falsification, None where nothing was attacked."""
    if not rows:
        return None
    attacks, verdict = real(rows), verdict_of(rows)
    blocks: list[Table | Picture] = []
    if attacks:
        blocks += [_attacks(attacks), *_picture(model, attacks), _crossings_of_tolerance(attacks)]
    if unprotected := [one for one in rows if one.row.method == UNPROTECTED]:
        blocks.append(_unprotected(unprotected))
    if attacks:
        blocks.append(_every(attacks))
    if planted := [one for one in rows if one.row.method.startswith(PLANTED)]:
        blocks.append(_planted(planted))
    return Section("Attacks", () if verdict is None else (_said(verdict),), tuple(blocks), level=3)


def _said(found: Falsification) -> str:
    parts = []
    if found.sampled is not None:
        parts.append(
            f"{found.sampled.crossed} of {found.sampled.prompts} sampled certificates were crossed by an attack"
        )
    if found.sampled is None or found.exact:
        parts.append(f"{len(found.exact)} attacks crossed certificates that leave nothing to chance")
    crossed = " and ".join(parts)
    if not found.sound:
        chance = "" if found.sampled is None else f"; chance does so with probability {found.sampled.p_value:.2g}"
        return (
            f"**FALSIFIED: {crossed}{chance}.** Something is wrong with them. Do not serve them before the fault is "
            "found."
        )
    allowed = (
        "" if found.sampled is None else f" (a sound one may be with probability {at_most(found.sampled.allowance)})"
    )
    return (
        f"{crossed}{allowed}, in {found.attacks} comparisons. These attacks did not refute these certificates; that is "
        "no proof of them."
    )


def _kind(row: AttackRow) -> Hashable:
    return (row.setting, row.method, row.claim, row.attack)


def _attacks(rows: Attacks) -> Table:
    lines = []
    for found in groups(rows, _kind).values():
        row, nearest = found[0].row, min(found, key=lambda one: one.row.certified - one.row.lower).row
        used = [one.row.lower / one.row.certified for one in found if one.row.certified > 0]
        lines.append(
            Line(
                (
                    row.attack,
                    f"{row.setting}, {row.method}",
                    row.claim,
                    str(len({one.row.certificate for one in found})),
                    str(len(found)),
                    str(sum(one.row.lower > one.row.certified for one in found)),
                    _margin(nearest),
                    nearest.prompt,
                    plain(max(used)) if used else NONE,
                ),
                sources(found),
            )
        )
    columns = (
        "attack",
        "against",
        "claim",
        "certificates",
        "comparisons",
        "crossings",
        "least margin",
        "on the prompt",
        "largest share of the bound used",
    )
    says = (
        "Each comparison is a lower confidence bound on what the attack did, drawn afresh, against the certified "
        "upper bound at the attack's norm. The margin, certified less proven, is at most what a certificate gives away "
        "against this attack: it holds what the lower bound itself loses."
    )
    return Table("Every attack, over all prompts and norms", says, columns, tuple(lines))


def _every(rows: Attacks) -> Table:
    """One line for each attack and prompt, at the largest norm inside the radius, else at the smallest norm."""
    lines = []
    for found in groups(rows, lambda row: (*_parts(row), row.prompt)).values():
        one = max(found, key=lambda o: _inside(o.row))
        row = one.row
        lines.append(
            Line(
                (
                    row.prompt,
                    row.attack,
                    f"{row.setting}, {row.method}",
                    row.claim,
                    f"{at_least(row.epsilon)} {row.unit}"
                    + (f" ({plain(row.multiple)} × the radius)" if row.multiple else ""),
                    plain(row.estimate),
                    at_least(max(0.0, row.lower)),
                    at_most(row.certified),
                    _margin(row),
                    row.found or NONE,
                ),
                sources([one]),
            )
        )
    columns = ("prompt", "attack", "against", "claim", "norm", "estimate", "proven", "certified", "margin", "found")
    says = "At the largest norm within the certified radius, or the smallest that was tried."
    return Table("Attack by prompt", says, columns, tuple(lines), long=True)


def _parts(row: AttackRow) -> tuple[str, ...]:
    return (row.setting, row.method, row.claim, row.attack)


def _inside(row: AttackRow) -> tuple[bool, float]:
    multiple = row.multiple or 0.0
    inside = multiple <= 1 + 1e-9
    return inside, multiple if inside else -multiple


def _crossings_of_tolerance(rows: Attacks) -> Table:
    lines = []
    for found in groups(rows, lambda row: (row.setting, row.method, row.claim)).values():
        row, of_all = found[0].row, reached(one.row for one in found)
        if not of_all:  # a claim without a tolerance, or without a radius
            continue
        proven = [one.multiple for one in of_all if one.multiple is not None]
        estimated = [one.estimated for one in of_all if one.estimated is not None]
        cells = (
            f"{row.setting}, {row.method}",
            row.claim,
            str(len(of_all)),
            share(len(proven), len(of_all)),
            plain(min(proven, default=None)),
            plain(median(proven)),
            plain(min(estimated, default=None)),
            plain(max(one.tried for one in of_all)),
        )
        lines.append(Line(cells, sources(found)))
    columns = (
        "against",
        "claim",
        "certificates",
        "attacks reached τ",
        "least multiple",
        "median multiple",
        "least by estimate",
        "tried up to",
    )
    says = (
        "At which multiple of its certified radius is a certificate's strongest attack proven to pass the tolerance? A "
        "multiple of 1 would be a certificate that gives nothing away; a large one says that the certificate is "
        "cautious or that the attacks are weak, and not which. Multiples were tried on a grid."
    )
    return Table("How far beyond the radius attacks must go", says, columns, tuple(lines))


def _unprotected(rows: Attacks) -> Table:
    lines = []
    for found in groups(rows, lambda row: (row.setting, row.attack, row.claim)).values():
        row = found[0].row
        passed = [one.row for one in found if one.row.lower > one.row.tolerance]
        prompts, broken = {one.row.prompt for one in found}, {one.prompt for one in passed}
        least = min((one.epsilon for one in passed), default=None)
        cells = (row.attack, row.setting, row.claim, share(len(broken), len(prompts)), plain(least), row.unit)
        lines.append(Line(cells, sources(found)))
    columns = ("attack", "setting", "claim", "prompts moved beyond τ", "least norm that did", "unit")
    says = "The same attacks on the model without noise: what protection has to stand against."
    return Table("Without protection", says, columns, tuple(lines))


def _planted(rows: Attacks) -> Table:
    verdicts = caught(one.row for one in rows)
    lines = []
    for fault, found in groups(rows, lambda row: row.method).items():
        verdict = verdicts[fault]
        cells = (
            fault.removeprefix(PLANTED),
            str(verdict.attacks),
            str(len(verdict.crossings)),
            _caught(fault, sound=verdict.sound),
        )
        lines.append(Line(cells, sources(found)))
    says = (
        "Certificates with a fault made on purpose: the same attacks and the same verdict must refute each, and must "
        "leave the control."
    )
    return Table("Planted faults", says, ("fault", "comparisons", "crossings", "caught"), tuple(lines))


def _caught(fault: str, *, sound: bool) -> str:
    if fault == CONTROL:
        return "no, as it must be" if sound else "REFUTED, and it is sound"
    return "NO" if sound else "yes"


def _picture(model: str, rows: Attacks) -> list[Picture]:
    points = [
        Point(
            f"{one.row.claim}: {one.row.attack}",
            one.row.multiple,
            max(0.0, one.row.lower) / one.row.tolerance,
            max(0.0, one.row.estimate) / one.row.tolerance,
        )
        for one in rows
        if one.row.multiple and one.row.tolerance > 0 and one.row.claim != DEVIATION
    ]
    if not points:
        return []
    says = (
        "Each point is one attack on one prompt: filled what it is proven to have done, hollow the estimate of it, "
        "which chance and its own bias may raise. Where certificates hold, no filled point lies left "
        "of the certified radius and above the tolerance. How far right the first one above it lies "
        "says what they give away to these attacks."
    )
    legend = len({point.group for point in points}) + 2
    return [
        Picture(
            f"{file_name(model)}-attacks", f"{model}: attacks", says, multiples(points), legend, sources=sources(rows)
        )
    ]


def _margin(row: AttackRow) -> str:
    return plain(row.certified - row.lower)
