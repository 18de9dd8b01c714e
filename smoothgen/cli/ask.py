"""The commands that ask a server for something else than a generation: models, covers, erase and fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smoothgen.cli.options import LOCAL, ApiKey, Url


def models(url: Url = LOCAL, api_key: ApiKey = None) -> None:
    """Lists the models a server knows."""
    from smoothgen.cli.show import show_models
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        show_models(client.models())


def covers(
    certificate: Annotated[str, typer.Argument(help="A certificate's id, which is its job's.")],
    prompts: Annotated[list[str], typer.Argument(help="Other prompts.")],
    url: Url = LOCAL,
    api_key: ApiKey = None,
    confidence: Annotated[
        float | None, typer.Option(help="Of all prompt bounds together; default: the certificate's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")] = False,
) -> None:
    """Shows how far other prompts are from a certificate's, and how far their outputs can differ."""
    from smoothgen.cli.show_covers import show_covers
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        answer = client.covers(certificate, prompts, confidence)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2, exclude_none=True))
    else:
        show_covers(answer)


def erase(
    job: Annotated[str, typer.Argument(help="A job's id, which is its certificate's.")],
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Erases a job's prompt, seed image and output on the server. Its certificate stays."""
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        client.erase(job)
    typer.echo(f"erased the content of {job}; where it has a certificate, that is kept")


def fleet(
    url: Url = LOCAL,
    api_key: ApiKey = None,
    model: Annotated[str | None, typer.Option(help="Only pools of this model.")] = None,
    window: Annotated[
        str | None,
        typer.Option(help="One window (UTC), such as hour:2026-11-23T22. Default: this hour and day, and the last."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="A picture: the bound against the attack norm, by pool.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificates as JSON.")] = False,
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
