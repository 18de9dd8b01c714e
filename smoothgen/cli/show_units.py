"""What the commands print of mechanisms passages and words: certificates, runs, and other units compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smoothgen.certificates import UnitsCertificate
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.cli.certificate_rows import show_rows
from smoothgen.cli.show_scores import score_rows
from smoothgen.contracts import Covers, Neighbour, NeighboursView, UnitsView

_DIGITS: Final = 4
_LONGEST: Final = 80
"""Characters of an output that are shown in a table."""
_MOST_ROWS: Final = 5
_out = Console(highlight=False)


def show_units(certificate: UnitsCertificate, noted: Sequence[str] = (), units: UnitsView | None = None) -> None:
    """Prints the certificate's numbers and its sentence.

    noted: codes of the notes on the answer. units: what the server says of how runs choose, where it still does.
    """
    from smoothgen.certificates.units.statement import statement

    choice, claims, evidence = certificate.choice, certificate.claims, certificate.evidence
    kind = "units" if certificate.threat is None else certificate.threat.kind
    asked = f"tolerance {certificate.tolerance!r}" if certificate.keep is None else f"share {certificate.keep!r} kept"
    at = claims.radius if certificate.altered is None else certificate.altered
    chosen = (
        f"{choice.size} of {choice.units}" if choice.size else f"each of {choice.units} with {choice.probability!r}"
    )
    runs = f"{evidence.samples} drawn" if certificate.sampled else f"{evidence.samples} of {choice.subsets} choices"
    rows = [
        (
            "certified radius",
            f"{certificate.radius!r} of {choice.units} {kind}  (at {asked})"
            + (f"  see note {', '.join(noted)}" if noted else ""),
        ),
        *(
            ("answer keeps", f"at least {share!r} of the runs  with {m} altered")
            for m, share in (claims.keeps or ())[:_MOST_ROWS]
        ),
        ("W1 bound", f"{claims.w1_bound!r}  with {at} altered"),
        *score_rows(certificate.score_claims),
        ("confidence", repr(certificate.confidence)),
        ("runs", f"{runs}, {evidence.failed} failed"),
        ("a run reads", f"{chosen} {kind}" if units is None else units.reason),
    ]
    show_rows(_out, rows, statement(certificate))


def show_unit_runs(view: NeighboursView, there_are: int) -> None:
    """Prints a line on all runs, a row for each that is listed, and the units that those which changed have in common.

    there_are: how many of the kind that is listed there are.
    """
    radius = f"{view.radius or 0:g}"
    said = f"run: {view.runs} subsets of the {view.mechanism}, {view.changed} of them changed the answer"
    _out.print(Text(f"{said}; the claim holds with any {radius} altered"), soft_wrap=True)
    _out.print()
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("run", justify="right", no_wrap=True)
    table.add_column("kept", overflow="fold")
    table.add_column("changed", no_wrap=True)
    table.add_column("distance", justify="right", no_wrap=True)
    table.add_column("output", overflow="fold")
    for each in view.neighbours:
        table.add_row(*_row(each))
    _out.print(table)
    if not view.words_kept:
        _out.print(Text("outputs are no longer kept", style="yellow"))
    if there_are > len(view.neighbours):
        _out.print(Text(f"{there_are - len(view.neighbours)} further ones are not listed: --limit", style="dim"))
    elif len(view.neighbours) == view.runs and view.changed:
        said = f"changed most often where a run kept: {_suspects(view.neighbours)}"
        _out.print(Text(said, style="dim"), soft_wrap=True)
    _out.print(Text("kept: the numbers of the units that the run read, from 1 on.", style="dim"), soft_wrap=True)


def show_unit_covers(covers: Covers) -> None:
    """Prints a row for each list of units that was compared, and below what the numbers mean."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("compared", overflow="fold")
    for name in ("differ", "covered", "answer keeps", "W1 at most"):
        table.add_column(name, justify="right", no_wrap=True)
    for answer in covers.answers:
        table.add_row(
            Text("the other context" if answer.prompt is None else answer.prompt),
            Text("-" if answer.altered is None else str(answer.altered)),
            Text({None: "-", True: "yes", False: "no"}[answer.inside]),
            Text("-" if answer.least_share is None else repr(answer.least_share)),
            Text("-" if answer.w1_bound is None else repr(round_up(answer.w1_bound, _DIGITS))),
        )
    _out.print(table)
    for answer in covers.answers:
        if answer.reason is not None:
            _out.print(Text(f"not compared: {answer.reason}", style="yellow"), soft_wrap=True)
    _out.print()
    radius = f"differ: {covers.norm}; covered: at most {covers.radius or 0:g}"
    _out.print(Text(f"{radius}. {covers.statement}", style="dim"), soft_wrap=True)


def _row(run: Neighbour) -> list[Text]:
    style = "red" if run.changed else ""
    output = "-" if run.output is None else run.output
    return [
        Text(str(run.rank)),
        Text(run.text or "none"),
        Text("yes" if run.changed else "", style=style),
        Text("failed" if run.distance is None else repr(round_up(run.distance, _DIGITS))),
        Text(repr(output if len(output) <= _LONGEST else output[: _LONGEST - 1] + "…"), style=style),
    ]


def _suspects(runs: Sequence[Neighbour]) -> str:
    """Returns the units whose runs changed the answer most often, and how often."""
    read: dict[str, list[bool]] = {}
    for run in runs:
        for unit in (run.text or "").split(", "):
            read.setdefault(unit, []).append(run.changed)
    worst = sorted((unit for unit in read if any(read[unit])), key=lambda unit: -sum(read[unit]) / len(read[unit]))
    return ", ".join(f"{unit} ({sum(read[unit])} of {len(read[unit])})" for unit in worst[:_MOST_ROWS])
