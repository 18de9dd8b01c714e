"""A client of a cluster: a client of Redis whose commands go to the node that serves their key."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smoothgen.queue.cluster.slots import Node, Slots, slot_of

_PATIENCE_S: Final = 3.0
"""For how long a call waits for a slot that is being moved, or for a cluster that has lost a node, before it fails."""
_PAUSE_S: Final = 0.02
_FIRST_SLOT: Final = 0
_WITHOUT_KEY: Final = frozenset({"TIME", "INFO", "PING"})
_REDIRECTED: Final = (AskError, TryAgainError, ClusterDownError)  # MovedError is an AskError
_BROKEN: Final = (RedisConnectionError, RedisTimeoutError, OSError)

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)
_Command = tuple[tuple[Any, ...], dict[str, Any]]


class Send(Protocol[Answer_co]):
    """Sends something to a node. asking: whether its slot is on the way to this node (ASK)."""

    async def __call__(self, client: Redis, *, asking: bool) -> Answer_co:
        """Returns the node's answer, and raises what it refuses with."""


class ClusterRedis(Redis):  # type: ignore[misc]
    """Redis's commands on a cluster. All keys of one command lie in one slot; those of a pipeline that is no
    transaction may lie anywhere.

    Every node has a client, and so a pool of connections, of its own.
    """

    def __init__(self, seeds: Sequence[Node], made: Callable[[Node], Redis]) -> None:
        """seeds: some nodes of the cluster. made: returns the client of one node. Nothing is sent yet."""
        self._made, self._clients = made, dict[Node, Redis]()
        self.slots = Slots(seeds, self._told)
        super().__init__(connection_pool=self.client_of(seeds[0]).connection_pool)

    def client_of(self, node: Node) -> Redis:
        """Returns the client of one node."""
        if node not in self._clients:
            self._clients[node] = self._made(node)
        return self._clients[node]

    async def _told(self, node: Node) -> list[Any]:
        return list(await self.client_of(node).execute_command("CLUSTER SLOTS"))

    async def primaries(self) -> list[Redis]:
        """Returns the clients of the nodes that serve slots."""
        return [self.client_of(node) for node in await self.slots.primaries()]

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Closes the connections to all nodes."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.aclose(close_connection_pool) for client in clients))

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Returns the answer of the node that serves the command's key."""

        async def send(client: Redis, *, asking: bool) -> Any:
            if not asking:
                return await client.execute_command(*args, **options)
            async with client.pipeline(transaction=False) as pair:  # ASKING is for the next command of its connection
                pair.execute_command("ASKING")
                pair.execute_command(*args, **options)
                return (await pair.execute())[-1]

        return await self.at_owner(_slot_of_command(args), send)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: ARG002 (redis-py's)
        """Returns a pipeline. The keys of a transaction lie in one slot."""
        return _ClusterPipeline(self, transaction)

    async def at_owner(self, slot: int, send: Send[Answer]) -> Answer:
        """Sends something to the primary of a slot, follows redirections, and waits while the slot is being moved.

        What a dead node did not answer is sent again where another node serves the slot by now. Raises what `send`
        does, TryAgainError or ClusterDownError where waiting for _PATIENCE_S did not help.
        """
        give_up = time.monotonic() + _PATIENCE_S
        asked: Node | None = None
        while True:
            node = await self.slots.owner(slot) if asked is None else asked
            try:
                return await send(self.client_of(node), asking=asked is not None)
            except MovedError as error:
                self.slots.moved(error.slot_id, Node(error.host or node.host, error.port))
                asked, failure = None, error
            except AskError as error:
                asked, failure = Node(error.host or node.host, error.port), error
                if time.monotonic() < give_up:
                    continue
            except (TryAgainError, ClusterDownError) as error:
                self.slots.doubt()
                asked, failure = None, error
            except _BROKEN:
                self.slots.doubt()
                if time.monotonic() > give_up or (asked is None and await self.slots.owner(slot) == node):
                    raise
                asked = None
                continue
            if time.monotonic() > give_up:
                raise ClusterDownError(f"slot {slot} has not settled within {_PATIENCE_S:g} s: {failure}") from failure
            await asyncio.sleep(_PAUSE_S)


class _ClusterPipeline(Pipeline):  # type: ignore[misc]
    """Commands of a pipeline by their nodes, or a transaction at one node."""

    def __init__(self, cluster: ClusterRedis, transaction: bool) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction, None)
        self._cluster = cluster

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Returns the answers, in the order of the commands. Raises the first error among them, if asked to."""
        commands: list[_Command] = list(self.command_stack)
        self.command_stack.clear()
        if not commands:
            return []
        if self.is_transaction:
            return await self._cluster.at_owner(_slot_of_command(commands[0][0]), _transaction(commands))
        answers = await self._answers(commands)
        failure = next((each for each in answers if isinstance(each, Exception)), None)
        if failure is not None and raise_on_error:
            raise failure
        return answers

    async def _answers(self, commands: Sequence[_Command]) -> list[Any]:
        places = defaultdict[Node, list[int]](list)
        for place, (args, _) in enumerate(commands):
            places[await self._cluster.slots.owner(_slot_of_command(args))].append(place)
        answers: list[Any] = [None] * len(commands)

        async def ask(node: Node, there: list[int]) -> None:
            for place, answer in zip(there, await self._at(node, [commands[place] for place in there]), strict=True):
                answers[place] = answer

        await asyncio.gather(*(ask(node, there) for node, there in places.items()))
        for place, (args, options) in enumerate(commands):
            if isinstance(answers[place], _REDIRECTED):
                try:
                    answers[place] = await self._cluster.execute_command(*args, **options)
                except RedisError as error:
                    answers[place] = error
        return answers

    async def _at(self, node: Node, commands: Sequence[_Command]) -> list[Any]:
        try:
            async with self._cluster.client_of(node).pipeline(transaction=False) as pipeline:
                for args, options in commands:
                    pipeline.execute_command(*args, **options)
                return list(await pipeline.execute(raise_on_error=False))
        except _BROKEN:
            self._cluster.slots.doubt()
            raise


def _transaction(commands: Sequence[_Command]) -> Send[list[Any]]:
    async def send(client: Redis, *, asking: bool) -> list[Any]:
        if asking:  # some of its keys may be here, and others there
            raise TryAgainError("the keys of the transaction are being moved")
        async with client.pipeline(transaction=True) as pipeline:
            for args, options in commands:
                pipeline.execute_command(*args, **options)
            return list(await pipeline.execute())

    return send


def _slot_of_command(args: Sequence[Any]) -> int:
    """Returns the slot of a command's first key; for a command without any the first slot, so that all clients ask the
    same node for the time."""
    if args[0] in _WITHOUT_KEY:
        return _FIRST_SLOT
    place = args.index(b"STREAMS") + 1 if args[0] in ("XREAD", "XREADGROUP") else 1
    return slot_of(args[place])
