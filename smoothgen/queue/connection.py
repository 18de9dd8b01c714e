"""One way to connect to Redis, for gateway and workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smoothgen.errors import QueueUnavailable

_CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0  # longer than any BLOCK used with it
_RETRY_PAUSE_S = 0.05
_REFUSALS = ("MISCONF", "NOREPLICAS", "UNBLOCKED", "BUSY ")
"""Answers of a Redis whose disk is full, whose replicas are gone, which lost the stream waited on, which is busy."""


def connect(url: str) -> Redis:
    """A client for `url`, strings decoded. Nothing is sent yet."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        health_check_interval=15,
        # Once, and never after a timeout: a pooled connection may be of a server that was restarted. Every call of ours
        # may be repeated, and who waits longer decides that for itself; the library's default waits for seconds.
        retry=Retry(ConstantBackoff(_RETRY_PAUSE_S), 1, supported_errors=(RedisConnectionError,)),
    )


@asynccontextmanager
async def redis_errors() -> AsyncIterator[None]:
    """Turn trouble that passes without our doing into QueueUnavailable, leaving our own errors alone."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        raise QueueUnavailable(f"Redis cannot be reached: {error}") from error
    except InvalidResponse as error:
        raise QueueUnavailable(f"what answers at the Redis address is not Redis: {error}") from error
    except (OutOfMemoryError, ReadOnlyError) as error:
        raise QueueUnavailable(f"Redis takes no writes: {error}") from error
    except ResponseError as error:
        if not str(error).startswith(_REFUSALS):
            raise
        raise QueueUnavailable(f"Redis cannot serve now: {error}") from error
