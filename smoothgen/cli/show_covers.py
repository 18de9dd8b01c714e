"""What `smoothgen covers` prints."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.cli.show_worth import down
from smoothgen.contracts import Covers, PromptCover

_DIGITS = 4
_out = Console(highlight=False)


def show_covers(covers: Covers) -> None:
    """Prints a row for each prompt, and below what the numbers mean."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("prompt", overflow="fold")
    for name in ("distance", "inside", "ball", "prompt", "any", "W1 at most"):
        table.add_column(name, justify="right", no_wrap=True)
    for answer in covers.answers:
        table.add_row(*_row(answer))
    _out.print(table)
    for answer in covers.answers:
        if answer.reason is not None:
            said = "" if answer.comparable else " is not compared"
            _out.print(Text(f"{answer.prompt!r:.60}{said}: {answer.reason}", style="yellow"), soft_wrap=True)
        for note in answer.notes or []:
            code = f"{answer.prompt!r:.60}: note {note.code}: "
            _out.print(Text.assemble((code, "bold yellow"), (note.detail, "yellow")), soft_wrap=True)
    _out.print()
    _out.print(Text(_columns(covers), style="dim"), soft_wrap=True)
    _out.print(Text(covers.statement, style="dim"), soft_wrap=True)


def _columns(covers: Covers) -> str:
    """Returns what the columns mean."""
    radius = "no limit" if covers.radius is None else down(covers.radius)
    own = f", from {covers.samples} samples" if covers.samples else ""
    return (
        f"distance: {covers.norm}; inside: within the radius {radius}. W1 bounds: ball, of every prompt so far away; "
        f"prompt, of this very one{own}; any, for any generator."
    )


def _row(answer: PromptCover) -> list[Text]:
    inside = {None: "", True: "yes", False: "no"}[answer.inside]
    bounds = (answer.ball_bound, answer.prompt_bound, answer.universal_bound, answer.w1_bound)
    return [
        Text(answer.prompt),
        Text(_printed(answer.distance)),
        Text(inside),
        *(Text(_printed(bound)) for bound in bounds),
    ]


def _printed(value: float | None) -> str:
    """Returns a number rounded up to few digits, "-" for None."""
    return "-" if value is None else repr(round_up(value, _DIGITS))
