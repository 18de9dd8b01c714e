"""What the commands print of mechanism tokens, and of the runs behind a certificate of it or of edits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smoothgen.certificates import ExhaustiveCertificate
from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.cli.certificate_rows import show_rows
from smoothgen.cli.show_scores import score_rows
from smoothgen.cli.show_worth import down, up
from smoothgen.contracts import Neighbour, NeighboursView
from smoothgen.contracts.request import DEFAULT_SAMPLES

_DIGITS: Final = 4
_LONGEST: Final = 80
"""Characters of a text or an output that are shown in a table."""
_out = Console(highlight=False)


def show_exhaustive(
    certificate: ExhaustiveCertificate,
    stopped: str = "",
    noted: Sequence[str] = (),
    broken_by: Neighbour | None = None,
) -> None:
    """Prints the certificate's numbers and its sentence.

    stopped: why it rests on so many runs; noted: codes of the notes on the answer; broken_by: the prompt that ends the
    claim, where the server still has it.
    """
    from smoothgen.certificates.exhaustive.statement import statement

    evidence, claims, epsilon = certificate.evidence, certificate.claims, certificate.epsilon
    end = "there are no other" if evidence.next_cost is None else f"all others cost {down(evidence.next_cost)} or more"
    runs = f"{evidence.runs}, the prompt's own with them, {evidence.failed} failed; {end}"
    rows = [
        (
            "exact radius",
            f"{_norm(certificate.radius)}  (l2, embedding units, at tolerance {certificate.tolerance!r})"
            + (f"  see note {', '.join(noted)}" if noted else ""),
        ),
        ("W1 bound", f"{up(claims.w1_bound)}  {_holds_at(certificate.radius, epsilon)}"),
        *(("answer keeps", f"below {_norm(kept.radius)}") for kept in claims.keeps),
        *score_rows(certificate.score_claims),
        ("runs", runs + (f"; {stopped}" if stopped else "")),
        ("broken by", _broken(certificate, broken_by)),
        ("mechanism", "tokens: embeddings snapped to the nearest token, no noise"),
        ("alpha", "0: nothing is sampled, so nothing fails by chance"),
    ]
    show_rows(_out, rows, statement(certificate))


def why_runs_stopped(certificate: ExhaustiveCertificate, asked: Mapping[str, Any]) -> str:
    """Returns why a certificate rests on so many runs and no more; empty where that cannot be told.

    asked: the keywords of `Client.generate`.
    """
    evidence = certificate.evidence
    if evidence.next_cost is None:
        return "every sequence there is was run"
    if certificate.epsilon is not None:
        return "the bound at epsilon was proven" if certificate.asks_shift else "the claims at epsilon were proven"
    if certificate.claims.broken_by is not None:
        return "what ends the claim was found"
    if evidence.runs - 1 >= asked.get("samples", DEFAULT_SAMPLES):
        return "the limit"
    if asked.get("radius_tolerance") is not None:
        return f"more would hardly enlarge the radius (by {asked['radius_tolerance']!r} of it at most)"
    return "the deadline came" if asked.get("deadline_s") is not None else ""


def show_neighbours(view: NeighboursView, breaking: Neighbour | None, there_are: int) -> None:
    """Prints a line on all runs, and a row for each that is listed.

    breaking: the nearest prompt that changed the answer, None where there is none. there_are: how many of the kind that
    is listed there are.
    """
    ended = "nothing that was run breaks it" if breaking is None else f"broken by {named_neighbour(breaking)}"
    said = f"run: {view.runs} neighbours, {view.changed} of them change the answer by more than {view.tolerance!r}"
    _out.print(Text(f"{said}; {_keeps(view)}; {ended}"), soft_wrap=True)
    _out.print()
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("rank", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("changed", no_wrap=True)
    table.add_column("distance", justify="right", no_wrap=True)
    table.add_column("writable", no_wrap=True)
    for name in ("text", "output"):
        table.add_column(name, overflow="fold")
    for each in view.neighbours:
        table.add_row(*_row(each))
    _out.print(table)
    if not view.words_kept:
        _out.print(Text("texts and outputs are no longer kept", style="yellow"))
    if there_are > len(view.neighbours):
        _out.print(Text(f"{there_are - len(view.neighbours)} further ones are not listed: --limit", style="dim"))
    if view.mechanism == "edits":
        _out.print(Text("rank: the number in the set. cost: how many edits it takes.", style="dim"), soft_wrap=True)
        return
    _out.print(
        Text(
            "cost: an attack on the embeddings that makes the model read this prompt has at least this l2 norm. "
            "writable: whether somebody can type it; otherwise only an attack on embeddings reaches it.",
            style="dim",
        ),
        soft_wrap=True,
    )


def _keeps(view: NeighboursView) -> str:
    """Returns how far an attack may go with the answer kept."""
    if view.mechanism == "tokens":
        return f"the answer keeps within that below {_norm(math.inf if view.radius is None else view.radius)}"
    if view.radius is None:
        return "they are a sample of the set, and nothing is claimed against who chooses the edit"
    edits = f"{view.radius:g} edit{'' if view.radius == 1 else 's'} of the set"
    return f"the answer keeps within that for up to {edits}" if view.radius else "one edit of the set can break it"


def _row(neighbour: Neighbour) -> list[Text]:
    style = "red" if neighbour.changed else ""
    distance = "failed" if neighbour.distance is None else repr(round_up(neighbour.distance, _DIGITS))
    return [
        Text(str(neighbour.rank)),
        Text(repr(round_down(neighbour.cost, _DIGITS))),
        Text("yes" if neighbour.changed else "", style=style),
        Text(distance),
        Text({None: "-", True: "yes", False: "no"}[neighbour.writable]),
        Text(_quoted(neighbour.text), style=style),
        Text(_quoted(neighbour.output), style=style),
    ]


def _quoted(words: str | None) -> str:
    """Returns words as Python writes them, cut: they come from a model's vocabulary, control characters with them."""
    if words is None:
        return "-"
    return repr(words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…")


def named_neighbour(neighbour: Neighbour) -> str:
    """Returns a prompt and what the model made of it, and what an attack pays for it."""
    name = f"neighbour {neighbour.rank}" if neighbour.text is None else _quoted(neighbour.text)
    typed = ", which nobody can type," if neighbour.writable is False else ""
    if neighbour.distance is None:
        said = "failed"
    elif neighbour.output is None:
        said = f"at distance {round_up(neighbour.distance, _DIGITS)!r}"
    else:
        said = f"→ {_quoted(neighbour.output)}"
    return f"{name}{typed} {said} at cost {round_down(neighbour.cost, _DIGITS)!r}"


def _broken(certificate: ExhaustiveCertificate, broken_by: Neighbour | None) -> str:
    breaking = certificate.claims.broken_by
    if breaking is None:
        return "nothing that was run"
    stated = Neighbour(
        rank=breaking.index,
        cost=breaking.cost,
        distance=breaking.distance,
        changed=True,
        text=certificate.text,
        output=certificate.output,
    )
    return named_neighbour(stated if broken_by is None else broken_by)


def _norm(radius: float) -> str:
    return "any norm" if math.isinf(radius) else down(radius)


def _holds_at(radius: float, epsilon: float | None) -> str:
    if epsilon is not None:
        return f"at epsilon {epsilon!r}"
    return f"below {_norm(radius)}" if radius > 0 else "at norm 0"
