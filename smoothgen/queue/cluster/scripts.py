"""Scripts on a cluster: each call goes to the node of its keys.

While a slot moves, key by key, a node refuses a command one of whose keys it has and another it has not, and passes on
a command none of whose keys it has. A script touches keys that it cannot declare, such as the records of the jobs that
it finds in a stream, and would be refused in the middle, with half of its steps done. So every call declares one key
more, which is never there: such a call is refused as a whole (TRYAGAIN) until the slot has moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import TryAgainError

from smoothgen.queue import keys
from smoothgen.queue.cluster.client import ClusterRedis
from smoothgen.queue.cluster.slots import slot_of
from smoothgen.queue.replication import Replication
from smoothgen.queue.scripts.probes import Barrier, Probe
from smoothgen.queue.scripts.script import ScriptCall
from smoothgen.queue.sending import Sender, Sent

_MOST_PROBES_TRIED: Final = 2000
"""A node that serves fewer slots than one in some hundreds may be left out."""


class EveryNode:
    """Scripts run on the node that serves their keys. Calls to one node travel together."""

    def __init__(self, cluster: ClusterRedis, replication: Replication) -> None:
        self._cluster, self._replication = cluster, replication
        self._senders: dict[tuple[Redis, bool], Sender] = {}

    async def answer(self, call: ScriptCall) -> Any:
        """Returns a script's answer."""
        return await self._cluster.at_owner(slot_of(call.sent_keys[0]), partial(self._sent, call))

    async def _sent(self, call: ScriptCall, client: Redis, *, asking: bool) -> Any:
        if asking:  # the node that the slot moves to would refuse it too
            raise TryAgainError("the keys of the script are being moved")
        return await self._sender(client, call.script.replicated).asked(Sent.guarded(call))

    def _sender(self, client: Redis, replicated: bool) -> Sender:
        confirmed = replicated and self._replication.replicas > 0
        if (client, confirmed) not in self._senders:
            sender = Sender(client, self._replication, _barrier_after) if confirmed else Sender(client)
            self._senders[client, confirmed] = sender
        return self._senders[client, confirmed]

    async def barrier(self, written: Iterable[keys.Key]) -> None:
        """Waits until replicas have what was written of these keys, and on their nodes everything before."""
        probes = {keys.probe_beside(key) for key in written}
        await asyncio.gather(*(self.answer(Barrier(probe=probe)) for probe in probes))

    async def probe(self) -> None:
        """Writes something to every node that serves keys."""
        of_nodes, primaries = dict[Any, keys.Key](), await self._cluster.slots.primaries()
        for number in count():
            probe = keys.probe_of_node(number)
            of_nodes.setdefault(await self._cluster.slots.owner(slot_of(probe)), probe)
            if len(of_nodes) >= len(primaries) or number >= _MOST_PROBES_TRIED:
                break
        await asyncio.gather(*(self.answer(Probe(probe=probe)) for probe in of_nodes.values()))


def _barrier_after(sent: Sent) -> Sent:
    return Sent.guarded(Barrier(probe=keys.probe_beside(sent.key)))
