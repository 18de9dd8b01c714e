"""The commands `smoothgen webhooks …`: receivers that a server tells when jobs end."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smoothgen.cli.options import LOCAL, ApiKey, Url

if TYPE_CHECKING:
    from smoothgen.contracts import NewWebhook, WebhookView

webhooks = typer.Typer(name="webhooks", help="Receivers that a server tells when jobs end.", no_args_is_help=True)
_NOT_DELIVERED: Final = 1
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_Id = Annotated[str, typer.Argument(help="A webhook's id, as `smoothgen webhooks list` shows it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]


def _seconds(written: str) -> int:
    """Returns a time such as 90s, 30m, 24h or 7d in seconds. Raises BadParameter."""
    found = re.fullmatch("([0-9]{1,9})([smhd])", written)
    if found is None:
        raise typer.BadParameter(f"{written!r:.40} is no time; write a number and s, m, h or d, such as 24h")
    return int(found[1]) * _UNITS[found[2]]


@webhooks.command("add")
def add(
    receiver: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent: an https address.")],
    event: Annotated[
        list[str] | None,
        typer.Option(help="Which messages; repeat for more: job.succeeded, job.failed, job.cancelled. Default: all."),
    ] = None,
    url: Url = LOCAL,
    api_key: ApiKey = None,
    as_json: _Json = False,
) -> None:
    """Registers a receiver, and shows its secret this once."""
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        _show_secret(client.add_webhook(receiver, event), as_json)


@webhooks.command("list")
def listed(url: Url = LOCAL, api_key: ApiKey = None, as_json: _Json = False) -> None:
    """Lists your receivers, what is due to each, and why one was disabled."""
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        found = client.webhooks()
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json", exclude_none=True) for each in found], indent=2))
        return
    for each in found:
        typer.echo(f"{each.id}  {each.url}\n  {_state(each)}")
    if not found:
        typer.echo("no webhooks are registered; smoothgen webhooks add URL registers one")


@webhooks.command("rotate")
def rotate(
    webhook: _Id,
    overlap: Annotated[
        str, typer.Option(help="How long messages are signed with the old secret too: 0s to 7d, such as 24h.")
    ] = "24h",
    url: Url = LOCAL,
    api_key: ApiKey = None,
    as_json: _Json = False,
) -> None:
    """Gives a receiver a new secret, and shows it this once."""
    from smoothgen.client import Client

    overlap_s = _seconds(overlap)
    with Client(url, api_key=api_key) as client:
        _show_secret(client.rotate_webhook(webhook, overlap_s), as_json)


@webhooks.command("remove")
def remove(webhook: _Id, url: Url = LOCAL, api_key: ApiKey = None) -> None:
    """Forgets a receiver, and what is due to it."""
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        client.remove_webhook(webhook)
    typer.echo(f"removed {webhook}")


@webhooks.command("test")
def try_out(webhook: _Id, url: Url = LOCAL, api_key: ApiKey = None, as_json: _Json = False) -> None:
    """Sends a message of type webhook.test now. Exit code 1 where it is not delivered.

    A receiver that takes it is enabled again, where it had been disabled.
    """
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        trial = client.test_webhook(webhook)
    if as_json:
        typer.echo(trial.model_dump_json(indent=2))
    else:
        typer.echo(f"{'delivered' if trial.delivered else 'not delivered'}: {trial.detail}")
    raise typer.Exit(0 if trial.delivered else _NOT_DELIVERED)


def _show_secret(made: NewWebhook, as_json: bool) -> None:
    if as_json:
        typer.echo(made.model_dump_json(indent=2, exclude_none=True))
        return
    typer.echo(f"{made.id}  {made.url}\n  {_state(made)}\n  secret: {made.secret}")
    typer.echo("the secret is shown this once; the receiver verifies messages with it", err=True)


def _state(each: WebhookView) -> str:
    said = [", ".join(each.events), f"{each.due} due", "enabled" if each.enabled else f"DISABLED: {each.reason}"]
    if each.delivered_at is not None:
        said.append(f"last delivered {each.delivered_at:%Y-%m-%d %H:%M:%S} UTC")
    if each.last_failure is not None and each.enabled:
        said.append(f"last failure: {each.last_failure}")
    return "; ".join(said)
