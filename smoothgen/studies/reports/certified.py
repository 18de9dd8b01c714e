"""Certified radii over prompts: the share that is certified at every radius, and what one number says of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from smoothgen.evaluation.curves import Radii
from smoothgen.studies.grouped import Measured, groups, radii, sources
from smoothgen.studies.reports.blocks import Block, Line, Picture, Section, Table
from smoothgen.studies.reports.figures import NONE, at_least, at_most, median, plain, share
from smoothgen.studies.reports.pictures import Panel, Steps, steps
from smoothgen.studies.rows import CertificateRow

Certificates = Sequence[Measured[CertificateRow]]

COLUMNS = (
    "setting",
    "method",
    "metric, τ",
    "n, α",
    "prompts",
    "abstained",
    "radius of 90 %",
    "radius of half",
    "radius of 25 %",
    "average",
    "slope C",
    "offset β",
)

SAYS = (
    "Read “radius of half” as: half of the prompts are certified at it or further, an abstention counting as radius 0. "
    "The average misleads, since one large radius can hide many failures; it stands here because papers quote it. "
    "C and β are medians over prompts of the least C with bound(ε) ≤ C·ε + β on the whole curve. Radii of different "
    "units or metrics, and of methods that claim different things, are no ranking."
)
ABLATION_SAYS = "Columns as in the table of certified radii."

DASHED = "Dashed: other people's methods and estimates, which claim other things."
MOST_LINES = 8
"""Lines in one picture."""


def setting_of(row: CertificateRow) -> Hashable:
    """Returns what must be equal for certificates to be one line of a table."""
    return (row.setting, row.method, row.metric, row.unit, row.tolerance, row.sigma, row.estimated)


def table(title: str, rows: Certificates, says: str = SAYS) -> Table:
    """Returns one line for each setting and method."""
    return Table(title, says, COLUMNS, tuple(_line(found) for found in groups(rows, setting_of).values()))


def share_pictures(name: str, title: str, rows: Certificates) -> tuple[Picture, ...]:
    """Returns a picture of certified share against radius for every unit and metric, with at most eight lines.

    Where there are more lines, those with the largest average are drawn, and the picture says so.
    """
    found = []
    for place, ((unit, metric), of_unit) in enumerate(groups(rows, lambda r: (r.unit, r.metric)).items()):
        lines = lines_of(of_unit, lambda row: f"{row.setting}, {row.method}")
        drawn = sorted(lines, key=lambda one: -one.radii.average)[:MOST_LINES]
        left = len(lines) - len(drawn)
        left_out = f" The {left} lines of smallest average are left out." if left else ""
        panel = Panel("", tuple(one for one in lines if one in drawn), unit)
        found.append(
            Picture(
                f"{name}-{place}" if place else name,
                f"{title}: certified share against radius, {metric}",
                f"Share of prompts certified at the radius below, counted in {unit}; abstentions are failures. "
                f"{DASHED}{left_out}",
                steps([panel]),
                legend=len(drawn),
                sources=sources(of_unit),
            )
        )
    return tuple(found)


def lines_of(rows: Certificates, label: Callable[[CertificateRow], str]) -> list[Steps]:
    """Returns a line of a picture for each setting and method."""
    return [
        Steps(_marked(label, of_one[0].row), radii(of_one), of_one[0].row.ours and not of_one[0].row.estimated)
        for of_one in groups(rows, setting_of).values()
    ]


def section(model: str, rows: Certificates) -> Section | None:
    """Returns the section of the protocol, None where a study has no rows of it."""
    of_protocol = [one for one in rows if one.row.study == "protocol" and one.row.ours]
    if not of_protocol:
        return None
    return Section(
        "Certified radii",
        (),
        (*share_pictures(f"{file_name(model)}-radii", model, of_protocol), table("Radii by setting", of_protocol)),
        level=3,
    )


def other_studies(model: str, rows: Certificates) -> list[Section]:
    """Returns a section for each other study of our own certificates: ablations, claims, units, estimates."""
    others = [one for one in rows if one.row.ours and one.row.study not in ("protocol", "baselines")]
    found = []
    for study, of_study in groups(others, lambda row: row.study).items():
        name = f"{file_name(model)}-{file_name(study)}"
        # A check shows that two computations agree: its picture would show nothing.
        pictures = () if study.startswith("check") else share_pictures(name, model, of_study)
        blocks: tuple[Block, ...] = (
            *pictures,
            table("Radii by setting", of_study, ABLATION_SAYS),
        )
        found.append(Section(study[0].upper() + study[1:], (), blocks, level=3))
    return found


def file_name(text: str) -> str:
    """Returns text as part of a file's name: lower-case letters, digits and hyphens."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split())


def at_share(found: Radii, part: float) -> float:
    """Returns the largest radius at which at least `part` of the prompts are certified, 0 where there is none."""
    return max((epsilon for epsilon, reached in found.curve() if reached >= part - 1e-12), default=0.0)


def _marked(label: Callable[[CertificateRow], str], row: CertificateRow) -> str:
    return label(row) + (" (estimate, no certificate)" if row.estimated else "")


def _line(found: Certificates) -> Line:
    row, of_all = found[0].row, radii(found)
    slopes = [one.row.slope for one in found if one.row.slope is not None]
    offsets = [one.row.offset for one in found if one.row.offset is not None]
    samples = sorted({one.row.samples for one in found})
    drawn = str(samples[0]) if len(samples) == 1 else f"{samples[0]}–{samples[-1]}"
    return Line(
        (
            row.setting,
            row.method + (" (estimate, no certificate)" if row.estimated else ""),
            f"{row.metric}, {plain(row.tolerance)}",
            f"{drawn}, {plain(row.alpha) if row.alpha else 'no chance'}",
            str(len(found)),
            share(of_all.abstained, len(found)),
            *(at_least(at_share(of_all, part)) for part in (0.9, 0.5, 0.25)),
            at_least(of_all.average),
            at_most(median(slopes)) if slopes else NONE,
            at_most(median(offsets)) if offsets else NONE,
        ),
        sources(found),
    )
