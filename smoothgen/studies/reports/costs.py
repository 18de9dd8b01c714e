"""What certificates take: seconds, outputs and passes, beside one plain generation."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.studies.grouped import Measured, groups, sources
from smoothgen.studies.reports.blocks import Line, Section, Table
from smoothgen.studies.reports.figures import NONE, median, plain
from smoothgen.studies.rows import CostRow


def section(rows: Sequence[Measured[CostRow]]) -> Section | None:
    """Returns the section of costs, None where none were measured."""
    if not rows:
        return None
    lines = []
    for found in groups(rows, lambda row: (row.study, row.setting)).values():
        of = [one.row for one in found]
        seconds = median([row.seconds for row in of])
        each = median([row.seconds / row.samples for row in of if row.samples])
        overheads = [row.seconds / row.plain_seconds for row in of if row.plain_seconds]
        passes = [row.passes for row in of if row.passes is not None]
        lines.append(
            Line(
                (
                    of[0].study,
                    of[0].setting,
                    str(len(of)),
                    plain(seconds),
                    plain(each),
                    plain(median([row.plain_seconds for row in of if row.plain_seconds])),
                    plain(median(overheads)),
                    plain(median([row.samples for row in of])),
                    plain(median(passes)) if passes else NONE,
                ),
                sources(found),
            )
        )
    columns = (
        "study",
        "setting",
        "certificates",
        "seconds",
        "seconds per output",
        "seconds of a plain generation",
        "overhead",
        "outputs",
        "sequential passes",
    )
    says = (
        "Medians over certificates, by the wall clock of the machine in the source. Overhead is the certificate's time "
        "over one plain generation's; outputs are drawn in batches, so it is smaller than their number."
    )
    return Section("Costs", (), (Table("What a certificate takes", says, columns, tuple(lines)),), level=3)
