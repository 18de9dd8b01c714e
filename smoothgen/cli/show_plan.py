"""How `smoothgen plan` prints a plan."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smoothgen.certificates import Stop
from smoothgen.contracts import Expected, PlanView

_out = Console(highlight=False)
_WHY = {
    Stop.PROVEN: "epsilon proven",
    Stop.OUT_OF_REACH: "abstains",
    Stop.SETTLED: "settled",
    Stop.SAMPLE_LIMIT: "",
}


def show_plan(view: PlanView) -> None:
    """Prints what was decided and what it takes, the radii by the share of bad samples, and what cannot be met."""
    rows = Table.grid(padding=(0, 2))
    for name, value in _rows(view):
        rows.add_row(Text(name, style="bold"), Text(value))
    _out.print(rows)
    if view.noise is not None and view.noise.expected:
        _out.print()
        _out.print(_radii(view.noise.expected))
        _out.print(Text(f"{view.noise.bad}; {view.noise.assumes}.", style="dim"), soft_wrap=True)
    for claim in view.cannot:
        _out.print(Text(f"cannot meet {claim.claim}: {claim.detail}", style="bold yellow"), soft_wrap=True)
    for note in view.notes or []:
        _out.print(Text(f"note {note.code}: {note.detail}", style="yellow"), soft_wrap=True)
    _out.print(Text(f"{view.statement}."), soft_wrap=True)


def _rows(view: PlanView) -> list[tuple[str, str]]:
    runs = "runs" if view.noise is None else "samples"
    by = f"{view.workers} worker{'' if view.workers == 1 else 's'}"
    speed = (
        f"not measured yet, {by}"
        if view.seconds is None
        else f"about {view.seconds:.4g} s for all of them, at the speed of the last jobs: "
        f"{view.samples_a_second:.4g} a second by {by}"
    )
    rows = [
        ("mechanism", view.mechanism + ("" if view.sigma is None else f", sigma {view.sigma!r}")),
        ("metric", f"{view.metric['name']}, tolerance {view.tolerance!r}"),
        *([] if view.keep is None else [("claim", f"the answer keeps a share of {view.keep!r}")]),
        (runs, f"{view.samples} at most" + ("" if len(view.looks) < 2 else f", looks after {_listed(view.looks)}")),
        ("generations", f"{view.generations} at most"),
        ("time", speed),
    ]
    if view.edits is not None and view.edits.size is not None:
        rows.append(("edits", f"{view.edits.size} texts, {'all run' if view.edits.whole else 'a share of them run'}"))
    if view.units is not None:
        units = view.units
        kept = f"{units.size}" if units.size is not None else f"each with probability {units.probability!r}"
        rows.append(("units", f"{units.units}, of which a run keeps {kept}"))
        rows.append(("altered units", f"{units.most_altered} could be proven at most, if every run agrees"))
    if view.noise is not None and view.noise.radius_without_samples is not None:
        rows.append(("radius without samples", repr(view.noise.radius_without_samples)))
    if view.noise is not None and view.epsilon is not None and view.samples:
        least = view.noise.least_samples
        if least is not None:
            rows.append((f"epsilon {view.epsilon!r}", f"{least} samples at least"))
        elif any(unmet.claim == "epsilon" for unmet in view.cannot):  # else epsilon asks for claims on scores alone
            rows.append((f"epsilon {view.epsilon!r}", "more samples than this server takes"))
    return rows


def _listed(looks: list[int]) -> str:
    return ", ".join(map(str, looks))


def _radii(expected: list[Expected]) -> Table:
    table = Table("bad samples", "radius", "samples", "seconds", "", box=None)
    for each in expected:
        seconds = "" if each.seconds is None else f"{each.seconds:.4g}"
        table.add_row(f"{each.bad_share:.0%}", repr(each.radius), str(each.samples), seconds, _WHY[each.stop])
    return table
