"""Connections that leave a server which is no longer the master, so that the next attempt asks for the address again.

A master that was demoted keeps its connections and refuses their writes: a client that stays waits for ever, and reads
what may be old.
"""

from __future__ import annotations

from typing import Any, Final

from redis.exceptions import BusyLoadingError, MasterDownError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

_UNBLOCKED: Final = "UNBLOCKED"
"""What a waiting client is told when its master becomes a replica."""


def _said_by_no_master(error: Exception) -> bool:
    if isinstance(error.__context__, ReadOnlyError):  # so a connection that asks sentinels passes it on
        return True
    if isinstance(error, ReadOnlyError | MasterDownError | BusyLoadingError):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_UNBLOCKED)


class _Generation:
    """Counts how often the connections of a pool left their server."""

    number = 0


def leaving(kind: type[Any]) -> type[Any]:
    """Returns a class of connections of this kind, for one pool.

    A connection that hears that its server is no master, or still loads its data, closes and raises ConnectionError.
    The other connections of the pool close before they are used again.
    """
    current = _Generation()

    class Leaving(kind):  # type: ignore[misc]
        _generation = 0

        async def connect(self) -> None:
            """Connects where there is no connection, or where the pool has left its server since."""
            if self.is_connected and self._generation != current.number:
                await self.disconnect(nowait=True)
            if not self.is_connected:
                self._generation = current.number
            await super().connect()

        async def read_response(self, *arguments: Any, **options: Any) -> Any:
            """Returns the next answer. Raises ConnectionError where the answer says that the server is no master."""
            try:
                return await super().read_response(*arguments, **options)
            except (ResponseError, RedisConnectionError) as error:
                if not _said_by_no_master(error):
                    raise
                if self._generation == current.number:
                    current.number += 1
                await self.disconnect(nowait=True)
                raise RedisConnectionError(f"the server at its address takes no writes now ({error})") from error

    return Leaving
