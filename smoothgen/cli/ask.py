"""The commands that ask a server for something else than a generation: models, covers,
neighbours, erase and fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smoothgen.cli.options import LOCAL, ApiKey, AsJson, Url, picture_file

if TYPE_CHECKING:
    from smoothgen.client import Client
    from smoothgen.contracts import NeighboursView


def models(url: Url = LOCAL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Lists the models a server knows."""
    from smoothgen.cli.show import show_models
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        known = client.models()
    if as_json:
        typer.echo(json.dumps(known, indent=2))
    else:
        show_models(known)


def covers(
    certificate: Annotated[str, typer.Argument(help="A certificate's id, which is its job's.")],
    prompts: Annotated[list[str] | None, typer.Argument(help="Other prompts.")] = None,
    url: Url = LOCAL,
    api_key: ApiKey = None,
    confidence: Annotated[
        float | None, typer.Option(help="Of all prompt bounds together; default: the certificate's.")
    ] = None,
    context: Annotated[
        list[Path] | None,
        typer.Option(
            help="In place of prompts, again for each: another passage, or a .json list of them.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows how far other prompts are from a certificate's, and how far their outputs can differ."""
    from smoothgen.cli.context import read_context
    from smoothgen.cli.show_covers import show_covers
    from smoothgen.cli.show_units import show_unit_covers
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        passages = read_context(context) if context else None
        answer = client.covers(certificate, prompts or (), confidence, context=passages)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2, exclude_none=True))
    elif any(each.altered is not None for each in answer.answers):
        show_unit_covers(answer)
    else:
        show_covers(answer)


def neighbours(
    certificate: Annotated[
        str, typer.Argument(help="The id of a certificate of a mechanism that draws no noise, which is its job's.")
    ],
    url: Url = LOCAL,
    api_key: ApiKey = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only those that change the answer.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the nearest first.")] = 100,
    plot: Annotated[
        Path | None,
        typer.Option(callback=picture_file, help="A picture (.png, .pdf, .svg): distance against cost, of 1000 runs."),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            callback=picture_file,
            help="A picture (.png, .pdf, .svg) of what a picture model drew for the prompt and each neighbour.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the prompts that the model was run on in place of a prompt, and what it made of each."""
    from smoothgen.cli.show_exhaustive import show_neighbours
    from smoothgen.cli.show_units import show_unit_runs
    from smoothgen.client import Client
    from smoothgen.contracts import OF_UNITS

    with Client(url, api_key=api_key) as client:
        view = client.neighbours(certificate, changed=changed, limit=limit)
        breaking = next((each for each in view.neighbours if each.changed), None)
        if breaking is None and view.changed:
            [breaking] = client.neighbours(certificate, changed=True, limit=1).neighbours
        if plot is not None and view.mechanism in OF_UNITS:
            raise typer.BadParameter("--plot draws distance against cost, and runs that keep some units have no cost")
        drawn = None if plot is None else client.neighbours(certificate, limit=1000)
        pictures = None if sheet is None else _pictures(client, view, changed)
    if as_json:
        typer.echo(view.model_dump_json(indent=2))
    elif view.mechanism in OF_UNITS:
        show_unit_runs(view, view.changed if changed else view.runs)
    else:
        show_neighbours(view, breaking, view.changed if changed else view.runs)
    if plot is not None and drawn is not None:
        from smoothgen.cli.plot import plot_neighbours

        plot_neighbours(drawn, plot)
        typer.echo(f"written: {plot}", err=True)
    if sheet is not None and pictures is not None:
        from smoothgen.cli.sheet import draw_sheet

        draw_sheet(view, *pictures, sheet)
        typer.echo(f"written: {sheet}", err=True)


def _pictures(client: Client, view: NeighboursView, changed: bool) -> tuple[bytes, dict[int, bytes]]:
    """Returns the PNG of the prompt's own picture, and that of each neighbour listed that has one, by its rank. Raises
    BadParameter where there is none to show."""
    if changed and not view.changed:
        raise typer.BadParameter(
            "--sheet --changed shows neighbours that change the answer, and no run of this certificate does; leave "
            "--changed out"
        )
    if not view.pictures:
        raise typer.BadParameter(
            "--sheet shows pictures, and the server keeps none of these runs: it keeps those of picture models "
            "under mechanism tokens, for as long as the job's output"
        )
    certificate = view.certificate
    return client.output(certificate), {k: client.neighbour_picture(certificate, k) for k in view.pictures}


def erase(
    job: Annotated[str, typer.Argument(help="A job's id, which is its certificate's.")],
    url: Url = LOCAL,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Erases a job's prompt, seed image and output on the server. Its certificate stays."""
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        client.erase(job)
    if as_json:
        typer.echo(json.dumps({"job": job, "erased": True}))
    else:
        typer.echo(f"erased the content of {job}; where it has a certificate, that is kept")


def fleet(
    url: Url = LOCAL,
    api_key: ApiKey = None,
    model: Annotated[str | None, typer.Option(help="Only pools of this model.")] = None,
    window: Annotated[
        str | None,
        typer.Option(help="One window (UTC), such as hour:2026-11-23T22. Default: this hour and day, and the last."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            callback=picture_file, help="A picture (.png, .pdf, .svg): the bound against the attack norm, by pool."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows how far attacks can move the average request of the traffic (tier fleet), by pool and window."""
    from smoothgen.cli.show_fleet import show_fleet
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        readings = client.fleet(model, window)
    if as_json:
        said = [
            {
                "window": r.window,
                "pool": {"id": r.pool_id, **r.pool.model_dump()},
                "certificate": r.certificate.to_dict(),
            }
            for r in readings
        ]
        typer.echo(json.dumps(said, indent=2))
    else:
        show_fleet(readings)
    if save is not None and readings:
        from smoothgen.cli.plot import plot_fleet

        plot_fleet(readings, save)
        typer.echo(f"written: {save}", err=True)
