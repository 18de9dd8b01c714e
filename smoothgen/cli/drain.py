"""`smoothgen drain`: waits until no accepted job is left, before an upgrade that asks for it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smoothgen.cli.options import AsJson
from smoothgen.cli.redis_options import DEFAULT_REDIS, RedisUrl, require_queue

if TYPE_CHECKING:
    from smoothgen.queue import JobStore

_EVERY_S: Final = 1.0
_LEFT: Final = 1


def drain(
    redis: RedisUrl = None,
    timeout: Annotated[str, typer.Option(help="How long to wait, such as 30m; 0s: only tell what is left.")] = "1h",
    as_json: AsJson = False,
) -> None:
    """Waits until no job is left in the queue; stop the gateways first, since nothing here refuses new jobs.

    Exit code 0: no job waits or runs. 1: some did when the time was up; standard output names their models.
    """
    require_queue("smoothgen drain")
    from smoothgen.access.allowance import read_duration_s

    left = asyncio.run(_drained(redis or DEFAULT_REDIS, read_duration_s(timeout, "--timeout")))
    if as_json:
        typer.echo(json.dumps({"drained": not left, "left": left}, indent=2))
    elif not left:
        typer.echo("drained: no job waits or runs")
    else:
        for model, owed in left.items():
            typer.echo(
                f"{model}: {owed['work_items']} work items, {owed['samples']} samples, {owed['workers']} workers"
            )
    raise typer.Exit(_LEFT if left else 0)


async def _drained(url: str, seconds: int) -> dict[str, dict[str, int]]:
    """Returns what each model still owes: nothing, or what is left after `seconds`. Raises QueueUnavailable."""
    from smoothgen.queue import JobStore, connect

    deadline = time.monotonic() + seconds
    told: dict[str, dict[str, int]] = {}
    client = connect(url)
    try:
        store = JobStore(client)
        while (left := await _owed(store)) and time.monotonic() < deadline:
            if left != told:
                owed = ", ".join(f"{model} {each['samples']} samples" for model, each in left.items())
                typer.echo(f"waiting: {owed}", err=True)
                told = left
            await asyncio.sleep(_EVERY_S)
    finally:
        await client.aclose()
    return left


async def _owed(store: JobStore) -> dict[str, dict[str, int]]:
    """Returns the work of each model that owes any."""
    measured = await store.measures.of_models([model.card.id for model in await store.models()])
    return {
        model: {"work_items": each.work_items, "samples": each.samples_owed, "workers": each.workers}
        for model, each in measured.items()
        if each.work_items or each.samples_owed
    }
