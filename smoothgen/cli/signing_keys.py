"""`smoothgen signing-keys`: the keys a gateway signs certificates with."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def signing_keys(
    folder: Annotated[Path, typer.Option(envvar="SMOOTHGEN_SIGNING_KEYS", help="The gateway's folder of keys.")] = Path(
        "state/signing-keys"
    ),
    make: Annotated[bool, typer.Option("--make", help="Make a key where there is none that signs.")] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a key that signs from now on; destroy the private halves of others.")
    ] = False,
    withdraw: Annotated[
        str | None, typer.Option(help="Publish this key no more: its signatures cannot be checked from then on.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the keys as JSON, without their private halves.")
    ] = False,
) -> None:
    """Lists the keys that certificates are signed with, newest first. A running gateway follows changes at once."""
    from smoothgen.errors import InvalidInput
    from smoothgen.signing import KeyFolder

    if make + rotate + (withdraw is not None) > 1:
        raise InvalidInput("--make, --rotate and --withdraw are three changes; make one at a time")
    keys, now = KeyFolder(folder), int(time.time())
    if make:
        keys.signing_key(now)
    if rotate:
        keys.rotate(now)
    if withdraw is not None:
        keys.withdraw(withdraw, now)
    listed = keys.stored()
    if as_json:
        described = [
            {"state": key.state, "created": key.created, "retired": key.retired, "key": dict(key.public)}
            for key in listed
        ]
        typer.echo(json.dumps(described, indent=2))
        return
    for key in listed:
        until = "" if key.retired is None else f", until {_time(key.retired)}"
        typer.echo(f"{key.kid}  {key.state}, from {_time(key.created)}{until}")
    if not listed:
        typer.echo(f"{folder} holds no key yet; a gateway makes one when it starts, and so does --make")


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
