"""`smoothgen report`: the report of a study's folder, and the gate."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smoothgen.cli.options import AsJson
from smoothgen.errors import InvalidInput

if TYPE_CHECKING:
    from smoothgen.studies.gate import Check

_NAMED = 20
"""Prompts that a failed check names on the screen; the files name all."""


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a study, as `smoothgen evaluate` fills it.")],
    output: Annotated[Path | None, typer.Option(help="Where the report goes; default: the study's folder.")] = None,
    thresholds: Annotated[
        Path | None, typer.Option(help="What the study must reach (TOML). Also writes gate.json and gate.xml (JUnit).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes a study's report. Exit code 1 where attacks crossed certificates or a threshold is not reached.

    For programs: result.json, and with thresholds gate.json, in the folder of the report; --json prints result.json.
    """
    if not as_json:
        raise typer.Exit(reported(folder, output or folder, thresholds))
    with contextlib.redirect_stdout(sys.stderr):
        code = reported(folder, output or folder, thresholds)
    typer.echo(((output or folder) / "result.json").read_text("utf-8").rstrip())
    raise typer.Exit(code)


def reported(folder: Path, output: Path, thresholds: Path | None = None) -> int:
    """Writes the report and result.json, with thresholds also gate.json and gate.xml, and returns the exit code.

    Raises InvalidInput for a folder without finished tasks, for one model on different weights and for a bad file of
    thresholds.
    """
    from smoothgen.studies import Store
    from smoothgen.studies.gate import check, read_thresholds, write_json, write_junit
    from smoothgen.studies.grouped import rows_of
    from smoothgen.studies.reports import write_report
    from smoothgen.studies.result import write_result
    from smoothgen.studies.store import weights_of

    if not (folder / "tasks").is_dir():
        raise InvalidInput(f"{folder} holds no study (no folder {folder / 'tasks'}); run `smoothgen evaluate` first")
    asked = None if thresholds is None else read_thresholds(thresholds)  # before the minutes that drawing takes
    store = Store(folder)
    judged, unfinished = store.judged(), store.unfinished()
    made, pages = write_report(judged, output)
    for page in [*pages, write_result(judged, output)]:
        typer.echo(f"wrote {page}")
    if unfinished:
        typer.echo(f"{unfinished} tasks of the plan are not finished: the report leaves them out")
    weights = weights_of(judged)
    for model, digests in weights.items():
        typer.echo(f"model {model}: weights {', '.join(digests) or 'not stated'}")
    if made.falsified:
        typer.secho("FALSIFIED: attacks crossed more certificates than chance allows; see the report", fg="red")
    if asked is None:
        return int(made.falsified)
    checks = check(rows_of(judged), asked, unfinished=unfinished)
    write_json(checks, output / "gate.json", weights)
    write_junit(checks, output / "gate.xml")
    _show(checks)
    return int(made.falsified or not all(one.passed for one in checks))


def _show(checks: Sequence[Check]) -> None:
    for one in checks:
        sign, colour = ("passed", "green") if one.passed else ("FAILED", "red")
        typer.secho(f"{sign}  {one.model}, {one.where}: {one.required}; measured: {one.measured}", fg=colour)
        if not one.passed:
            for fell in one.fell[:_NAMED]:
                typer.echo(f"        {fell.prompt!r:.80}: {fell.why}")
            if len(one.fell) > _NAMED:
                typer.echo(f"        and {len(one.fell) - _NAMED} more, in gate.json")
