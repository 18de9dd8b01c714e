"""`smoothgen keys`: API keys made, listed, rotated and revoked, in the Redis that the gateways read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from smoothgen.cli.redis_options import RedisUrl, require_queue

app = typer.Typer(name="keys", help="API keys: make, list, rotate, revoke.", no_args_is_help=True)

_State = Annotated[Path | None, typer.Option(help="Folder of `smoothgen serve`, in place of --redis.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Output = Annotated[Path | None, typer.Option(help="Write the key to this new file (mode 0600), and do not print it.")]
_KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id: 16 digits, the middle part of the key.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is called, such as the program that uses it.")],
    tenant: Annotated[str, typer.Option(help="Whose jobs its requests make.")],
    scope: Annotated[list[str] | None, typer.Option(help="generate, read, operate; repeat for more.")] = None,
    expires: Annotated[str | None, typer.Option(help="After how long it ends, such as 30d. Default: never.")] = None,
    rate: Annotated[str | None, typer.Option(help="Requests it may send, such as 10/s or 600/min.")] = None,
    quota: Annotated[str | None, typer.Option(help="Samples its jobs may be promised, such as 100000/day.")] = None,
    if_none: Annotated[bool, typer.Option("--if-none", help="Make none where there is any key already.")] = False,
    output: _Output = None,
    redis: RedisUrl = None,
    state: _State = None,
    as_json: _Json = False,
) -> None:
    """Makes a key and prints it, this once: only a digest of it is kept. Default scopes: generate and read."""
    require_queue("smoothgen keys")
    from smoothgen.access.managing import Wanted
    from smoothgen.cli.keys_connection import managed

    if if_none and os.environ.get("SMOOTHGEN_API_KEYS", "[]").strip() not in ("", "[]"):
        return _tell_none(as_json, "SMOOTHGEN_API_KEYS has keys; none is made")
    wanted = Wanted.read(name, tenant, scope or ["generate", "read"], expires, rate, quota)
    if if_none and managed(lambda keys: keys.all(), redis, state, making=True):
        return _tell_none(as_json, "there are keys already; none is made")
    _require_new(output)
    made = managed(lambda keys: keys.create(wanted), redis, state, making=True)
    return _tell_key(made, output, as_json)


@app.command("list")
def list_keys(redis: RedisUrl = None, state: _State = None, as_json: _Json = False) -> None:
    """Lists all keys, revoked and expired ones too. No key is shown: nobody has it but its holder."""
    require_queue("smoothgen keys")
    from smoothgen.cli.keys_connection import managed

    listed = managed(lambda keys: keys.all(), redis, state)
    if as_json:
        typer.echo(json.dumps({"data": listed}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    columns = ("id", "name", "tenant", "status", "scopes", "expires_at", "rate", "quota")
    table = Table(*columns, box=None)
    for key in listed:
        table.add_row(*(_cell(key.get(column, "")) for column in columns))
    Console(width=None if os.isatty(1) else 200).print(table if listed else "no keys")


@app.command()
def rotate(
    key_id: _KeyId,
    overlap: Annotated[str, typer.Option(help="How long the key before is accepted too, such as 1h; 0s: no longer.")],
    output: _Output = None,
    redis: RedisUrl = None,
    state: _State = None,
    as_json: _Json = False,
) -> None:
    """Gives a key another secret and prints it, this once. Name, tenant, scopes and limits stay."""
    require_queue("smoothgen keys")
    from smoothgen.access.allowance import read_duration_s
    from smoothgen.cli.keys_connection import managed

    overlap_s = read_duration_s(overlap, "--overlap")
    _require_new(output)
    _tell_key(managed(lambda keys: keys.rotate(key_id, overlap_s), redis, state), output, as_json)


@app.command()
def revoke(key_id: _KeyId, redis: RedisUrl = None, state: _State = None, as_json: _Json = False) -> None:
    """Ends a key for good. Gateways refuse it within a few seconds; what it made stays its tenant's."""
    require_queue("smoothgen keys")
    from smoothgen.cli.keys_connection import managed

    revoked = managed(lambda keys: keys.revoke(key_id), redis, state)
    typer.echo(json.dumps(revoked, indent=2) if as_json else f"revoked {_named(revoked)}")


def _require_new(output: Path | None) -> None:
    """Raises BadParameter for a file that a new key cannot be written to, before there is one."""
    if output is not None and output.exists():
        raise typer.BadParameter(f"{str(output)!r} exists; name another file, or remove it first")
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter(f"{str(output.parent)!r} is no folder; make it first")


def _tell_key(made: dict[str, Any], output: Path | None, as_json: bool) -> None:
    """Prints or writes the key. What is said of it goes to stderr, so that stdout is the key alone."""
    text = made["key"]
    if output is not None:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
        made = {name: value for name, value in made.items() if name != "key"} | {"file": str(output)}
    if as_json:
        typer.echo(json.dumps(made, indent=2))
        return
    until = f"; the key before it is accepted until {made['replaced_until']}" if "replaced_until" in made else ""
    typer.echo(f"{_named(made)}: {', '.join(made['scopes'])}{until}", err=True)
    if output is None:
        typer.echo("keep it: it is shown this once", err=True)
        typer.echo(text)
    else:
        typer.echo(f"written to {output}", err=True)


def _tell_none(as_json: bool, why: str) -> None:
    typer.echo(json.dumps({"made": False, "detail": why}) if as_json else why, err=not as_json)


def _named(key: dict[str, Any]) -> str:
    return f"key {key['id']} ({key['name']}, tenant {key['tenant']})"


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
