"""`smoothgen evaluate`: runs a plan through a server or in one process, and goes on where it was stopped."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from smoothgen.cli.options import ApiKey

_SHOWN_AS = "SMOOTHGEN_COMMAND"


def evaluate(
    plan: Annotated[str, typer.Argument(help="A TOML file, or a plan that comes with the library.")],
    out: Annotated[Path, typer.Option(help="The study's folder. An existing one is gone on with.")],
    server: Annotated[
        str | None,
        typer.Option(help="Send the jobs to this server, whose workers share them. Default: SMOOTHGEN_URL."),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Run in one process here. Attacks and fidelity need that.")
    ] = False,
    api_key: ApiKey = None,
    only: Annotated[list[str] | None, typer.Option(help="A kind of task; repeat for more.")] = None,
    study: Annotated[list[str] | None, typer.Option(help="A study of the plan; repeat for more.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model of the plan; repeat for more.")] = None,
    thresholds: Annotated[
        Path | None, typer.Option(help="What the study must reach (TOML), else exit code 1. Writes its report too.")
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Jobs sent at a time, with --server.")] = 4,
) -> None:
    """Evaluates models: certificates, baselines, attacks and fidelity, as a plan says.

    Exit code 0 where no task of the plan is left, 1 where some are: they failed, or need --local.
    """
    if not local and server is None:
        server = os.environ.get("SMOOTHGEN_URL") or None
    if local == (server is not None):  # a server that the environment names does not contradict --local
        raise typer.BadParameter("give one of --server URL and --local")
    chosen = {"--only": only, "--study": study, "--model": model}
    if local:
        from smoothgen.cli.becoming import become
        from smoothgen.cli.servers import require_servers

        require_servers("evaluate --local", "workers")
        given = [part for option, names in chosen.items() for name in names or () for part in (option, name)]
        given += [] if thresholds is None else ["--thresholds", str(thresholds)]
        become("workers.evaluation", plan, "--out", str(out), *given, environment={_SHOWN_AS: _typed(), **os.environ})
    from smoothgen.cli.evaluate_report import reported
    from smoothgen.client import Client
    from smoothgen.studies.checked import check_tasks
    from smoothgen.studies.gate import read_thresholds
    from smoothgen.studies.plan import Chosen, read_plan
    from smoothgen.studies.progress import Shown
    from smoothgen.studies.runner import in_words, run_study
    from smoothgen.studies.served import SERVED_KINDS, Served
    from smoothgen.studies.store import Store

    if thresholds is not None:
        read_thresholds(thresholds)  # a bad file is told now and not after the study
    read, folder = read_plan(plan)
    check_tasks(read.tasks(folder))
    tasks = Chosen(only, study, model).of(read, folder)
    ours = [task for task in tasks if task.kind in SERVED_KINDS]
    with Client(str(server), api_key=api_key) as client, Shown() as shown:
        asked, store = Served(client), Store(out)
        store.keep_plan(read.name, read.tasks(folder))
        sitting = run_study(ours, store, asked.measure, shown, at_once=at_once, weights=asked.weights_of)
        left = store.left(task for task in tasks if task.kind not in SERVED_KINDS)
    typer.echo(in_words(sitting, left))
    if thresholds is None or not sitting.complete or left:
        raise typer.Exit(0 if sitting.complete and not left else 1)
    raise typer.Exit(reported(out, out, thresholds))


def _typed() -> str:
    """Returns the command as it was typed."""
    return shlex.join(["smoothgen", *sys.argv[1:]])
