"""The Redis that `smoothgen keys` changes: the one that is named, or the embedded server of `smoothgen serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from smoothgen.access.managing import ManagedKeys
from smoothgen.access.store import KeyStore
from smoothgen.cli.redis_options import DEFAULT_REDIS
from smoothgen.errors import InvalidInput, QueueUnavailable
from smoothgen.local.redis import EmbeddedRedis
from smoothgen.queue import connect

Answer = TypeVar("Answer")


def managed(
    ask: Callable[[ManagedKeys], Awaitable[Answer]], redis: str | None, state: Path | None, *, making: bool = False
) -> Answer:
    """Returns what `ask` answers of the keys in this Redis.

    redis: its address; None: that of the gateway's default. state: the folder of `smoothgen serve`, whose server is
    started for the moment where it does not run. making: whether the folder may be new. Raises InvalidInput for both,
    or for a folder of no server, QueueUnavailable (with the remedy, where no Redis was named), and what `ask` raises.
    """

    async def asked(url: str) -> Answer:
        client = connect(url)
        try:
            return await ask(ManagedKeys(KeyStore(client)))
        finally:
            await client.aclose()

    if state is None:
        try:
            return asyncio.run(asked(redis or DEFAULT_REDIS))
        except QueueUnavailable as error:
            if redis is not None:
                raise
            raise QueueUnavailable(
                f"{error}; for a server started by `smoothgen serve` or `make serve`, add --state FOLDER (its folder "
                "is state by default), for another, --redis URL"
            ) from error
    if redis is not None:
        raise InvalidInput("--state and --redis (or SMOOTHGEN_REDIS_URL) name two servers; give one of them")
    if not making and not (state / "redis").is_dir():
        raise InvalidInput(f"no `smoothgen serve` has kept its data in {str(state)!r}; name its --state folder")
    with _running(EmbeddedRedis(state / "redis")) as url:
        return asyncio.run(asked(url))


@contextmanager
def _running(embedded: EmbeddedRedis) -> Iterator[str]:
    """Gives the address of the embedded server, which runs meanwhile."""
    if embedded.in_use():
        yield embedded.url
        return
    embedded.start()
    try:
        yield embedded.url
    finally:
        embedded.stop()
