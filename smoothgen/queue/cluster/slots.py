"""Which node of a cluster serves which slot, as the nodes tell it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterDownError, RedisError, ResponseError

_FRESH_S: Final = 0.1
"""For how long nobody is asked again, though there is doubt: many calls may meet the same dead node."""
_DISABLED: Final = "cluster support disabled"


class NoClusterError(RedisError):  # type: ignore[misc]
    """The address names a cluster, and what answers there is none."""


@dataclass(frozen=True)
class Node:
    """Where a server of a cluster is reached."""

    host: str
    port: int

    def __str__(self) -> str:
        """Returns host and port as an address has them."""
        return f"{self.host}:{self.port}"


def slot_of(key: str) -> int:
    """Returns the slot that a key lies in."""
    return int(key_slot(key.encode()))


Told = Callable[[Node], Awaitable[list[Any]]]
"""Asks a node for CLUSTER SLOTS: a list of [first slot, last slot, [host, port, …] of the primary, … of replicas]."""


class Slots:
    """The primary of every slot. Asks the nodes where it does not know, or where there is doubt."""

    def __init__(self, seeds: Sequence[Node], told: Told) -> None:
        """seeds: the nodes that the address names."""
        self._seeds, self._told = seeds, told
        self._owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._known: list[Node] = []
        self._certain, self._asked_at = False, 0.0
        self._asking = asyncio.Lock()

    async def owner(self, slot: int) -> Node:
        """Returns the primary of a slot. Raises ClusterDownError where there is none, NoClusterError, and what the last
        node answers where none tells anything."""
        if not self._certain:
            await self._ask()
        owner = self._owners[slot]
        if owner is None:
            self.doubt()
            raise ClusterDownError(f"no node serves slot {slot}")
        return owner

    async def primaries(self) -> list[Node]:
        """Returns the nodes that serve slots, in the order of their first. Raises as `owner` does."""
        if not self._certain:
            await self._ask()
        return list(dict.fromkeys(owner for owner in self._owners if owner is not None))

    def moved(self, slot: int, node: Node) -> None:
        """Takes over what a node said of a slot that it serves no longer. Others may have moved too."""
        self._owners[slot] = node
        self.doubt()

    def doubt(self) -> None:
        """Asks the nodes again before the next answer."""
        self._certain = False

    async def _ask(self) -> None:
        async with self._asking:
            if self._certain or time.monotonic() - self._asked_at < _FRESH_S:
                return
            failure: Exception = ClusterDownError("no node knows of any slot")
            for node in self._candidates():
                try:
                    told = await self._told(node)
                except ResponseError as error:
                    if _DISABLED in str(error):
                        raise NoClusterError(f"the server at {node} is no node of a cluster") from error
                    failure = error
                except (RedisError, OSError) as error:
                    failure = error
                else:
                    if told:
                        self._take_over(told, node)
                        return
            raise failure

    def _candidates(self) -> list[Node]:
        # Another first each time: one that is cut off from the others goes on telling what was.
        self._known = [*self._known[1:], *self._known[:1]]
        return list(dict.fromkeys([*self._known, *self._seeds]))

    def _take_over(self, told: Iterable[Any], by: Node) -> None:
        owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        known: dict[Node, None] = {}
        for first, last, *servers in told:
            # A node that does not know its own address names none, and may be reached where it was asked.
            nodes = [Node(server[0] or by.host, int(server[1])) for server in servers]
            known |= dict.fromkeys(nodes)
            owners[first : last + 1] = [nodes[0]] * (last + 1 - first)
        self._owners, self._known = owners, list(known)
        self._certain, self._asked_at = True, time.monotonic()
