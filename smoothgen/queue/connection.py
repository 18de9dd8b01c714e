"""How gateways and workers connect to Redis, and which of its errors pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterCrossSlotError,
    ClusterDownError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smoothgen.errors import QueueUnavailable
from smoothgen.queue.addresses import require_parts, told_without_password
from smoothgen.queue.cluster import ClusterRedis
from smoothgen.queue.cluster.addresses import is_cluster, read_address
from smoothgen.queue.cluster.slots import NoClusterError
from smoothgen.queue.leaving import leaving
from smoothgen.queue.sentinel import connect_to_master, is_sentinel
from smoothgen.queue.timeouts import ANSWER_TIMEOUT_S

_CONNECT_TIMEOUT_S = 2.0
_RETRY_PAUSE_S = 0.05
_REFUSALS = (
    "MISCONF",
    "NOREPLICAS",
    "UNBLOCKED",
    "BUSY ",
    "UNKILLABLE",
    "DENIED",
    "ACL failure in script",
    "DB index is out of range",
)
"""The first words of errors of a Redis whose disk is full, whose replicas are gone, which lost the stream waited on,
which is busy with a script that nobody may kill, which serves its own machine only, whose user may not do what a script
does, and which has fewer databases than the address says."""
_REFUSED = (ClusterDownError, TryAgainError, AskError, NoPermissionError)
"""Errors of the same kind that the client has classes for. Its classes for MASTERDOWN and MOVED are among them."""
_IS_A_CLUSTER = "SMOOTHGEN_REDIS_URL must begin with redis-cluster:// or rediss-cluster://: a node of a cluster answers"


def connect(url: str) -> Redis:
    """Returns a client for `url` that decodes strings. Nothing is sent yet.

    Raises InvalidInput for what is no address: one line that names the setting and the remedy, without the password.

    The client's connections leave a server that is no longer the master.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_connect_timeout": _CONNECT_TIMEOUT_S,
        "socket_timeout": ANSWER_TIMEOUT_S,
        "health_check_interval": 15,
        # One retry, and none after a timeout: a pooled connection may be of a server that was restarted. Every call of
        # ours may be repeated. Callers that wait longer decide that for themselves; the library's default waits for
        # seconds.
        "retry": Retry(ConstantBackoff(_RETRY_PAUSE_S), 1, supported_errors=(RedisConnectionError,)),
    }
    with told_without_password(url):
        if is_cluster(url):
            address = read_address(url)
            return ClusterRedis(
                address.nodes, lambda node: _leaving_client(Redis.from_url(address.url_of(node), **options))
            )
        if is_sentinel(url):
            return _leaving_client(connect_to_master(url, **options))
        require_parts(url)
        return _leaving_client(Redis.from_url(url, **options))


def _leaving_client(client: Redis) -> Redis:
    """Returns the client of one server. Raises what its address, or an option in it, is refused with."""
    client.connection_pool.make_connection()  # options it does not know are told when a connection is made
    client.connection_pool.connection_class = leaving(client.connection_pool.connection_class)
    return client


async def servers(redis: Redis) -> list[Redis]:
    """Returns a client of each server that holds keys: one, or the primaries of a cluster."""
    return await redis.primaries() if isinstance(redis, ClusterRedis) else [redis]


async def require_no_cluster(redis: Redis) -> None:
    """Raises QueueUnavailable for a client of one server whose server is a node of a cluster."""
    if isinstance(redis, ClusterRedis):
        return
    with redis_errors():
        try:
            told = await redis.info("cluster")
        except ResponseError:  # a managed one may forbid INFO, and serves all else
            return
    if int(told.get("cluster_enabled", 0)):
        raise QueueUnavailable(_IS_A_CLUSTER)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raises QueueUnavailable for errors of Redis that pass without our doing, and leaves all other errors as they are.

    `with redis_errors(): await …`
    """
    try:
        yield
    except Exception as error:
        if (said := _passing(error)) is not None:
            raise QueueUnavailable(f"{said}: {error}") from error
        raise


def _passing(error: Exception) -> str | None:
    """Returns what to say of an error that passes, None for any other."""
    if isinstance(error, NoClusterError):
        return "SMOOTHGEN_REDIS_URL must begin with redis:// or rediss://: no cluster answers"
    if isinstance(error, MovedError | ClusterCrossSlotError):
        return _IS_A_CLUSTER
    if isinstance(error, AuthenticationError):
        return "Redis refuses user and password, or their absence; mend them in SMOOTHGEN_REDIS_URL, or in Redis"
    if isinstance(error, RedisConnectionError | RedisTimeoutError | OSError):
        return "Redis cannot be reached"
    if isinstance(error, InvalidResponse):
        return "what answers at SMOOTHGEN_REDIS_URL is not Redis"
    if isinstance(error, OutOfMemoryError | ReadOnlyError):
        return "Redis takes no writes"
    if isinstance(error, _REFUSED) or (isinstance(error, ResponseError) and str(error).startswith(_REFUSALS)):
        return "Redis cannot serve now"
    return None
