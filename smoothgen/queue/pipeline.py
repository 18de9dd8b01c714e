"""Many script calls in few round trips: calls that are made while one pipeline travels go with the next."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smoothgen.errors import NotReplicated
from smoothgen.queue import keys
from smoothgen.queue.connection import ANSWER_TIMEOUT_S, redis_errors
from smoothgen.queue.replication import UNREPLICATED, Replication
from smoothgen.queue.scripts.probes import Barrier
from smoothgen.queue.scripts.script import Script, ScriptCall

_MOST_AT_ONCE = 512


@dataclass(frozen=True)
class _Call:
    """A call on its way. command: as Redis is sent it."""

    script: Script
    command: tuple[Any, ...]
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @classmethod
    def of(cls, call: ScriptCall) -> _Call:
        sent_keys = call.sent_keys
        return cls(call.script, ("EVALSHA", call.script.sha, len(sent_keys), *sent_keys, *call.sent_arguments))


class Pipeline:
    """Runs scripts on one Redis. A call raises QueueUnavailable when Redis cannot be reached; it may then have run.

    Where replicas must confirm, one WAIT a pipeline asks them. Scripts that need no confirmation travel apart, and
    never wait for it.
    """

    def __init__(self, redis: Redis, replication: Replication = UNREPLICATED) -> None:
        self._direct = _Sender(redis)
        self._confirmed = _Sender(redis, replication) if replication.replicas else self._direct

    async def call(self, call: ScriptCall) -> Any:
        """Returns one script's answer. Raises NotReplicated, a QueueUnavailable, where too few replicas confirmed in
        time what it did."""
        sender = self._confirmed if call.script.replicated else self._direct
        with redis_errors():
            return await sender.asked(_Call.of(call))

    async def settle(self) -> None:
        """Waits until replicas have everything that was written so far, where they must confirm, and no longer than a
        confirmation may take."""
        if self._confirmed is not self._direct:
            with contextlib.suppress(NotReplicated):
                await self.call(Barrier(probe=keys.PROBE))


class _Sender:
    """Calls that travel together, over one connection at a time."""

    def __init__(self, redis: Redis, replication: Replication = UNREPLICATED) -> None:
        self._redis, self._replication = redis, replication
        self._waiting: list[_Call] = []
        self._sending: asyncio.Task[None] | None = None

    def asked(self, call: _Call) -> asyncio.Future[Any]:
        """Returns the future of a call's answer."""
        self._waiting.append(call)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="redis pipeline")
        return call.answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                calls, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                if self._replication.replicas:
                    calls.append(_barrier())
                await self._send_some(calls)
        finally:
            self._sending = None

    async def _send_some(self, calls: list[_Call]) -> None:
        try:
            answers = await self._execute([call.command for call in calls])
            if any(isinstance(answer, NoScriptError) for answer in answers):  # a Redis that was started meanwhile
                answers = await self._again_with_scripts(calls, answers)
        except BaseException as error:
            for call in calls:
                if not call.answer.done():
                    call.answer.set_exception(
                        error if isinstance(error, Exception) else RedisConnectionError("stopped")
                    )
            if not isinstance(error, Exception):
                raise
            return
        for call, answer in zip(calls, answers, strict=True):
            if call.answer.done():  # its caller was cancelled
                continue
            if isinstance(answer, Exception):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)

    async def _again_with_scripts(self, calls: list[_Call], answers: list[Any]) -> list[Any]:
        unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        # By one connection with the calls: during a failover another one may lead to another server.
        load = [("SCRIPT", "LOAD", text) for text in {calls[i].script.text for i in unknown}]
        if self._replication.replicas:  # what is to be confirmed and the barrier after it go by one connection too
            unknown = list(range(len(calls)))
        repeated = await self._execute([*load, *(calls[i].command for i in unknown)])
        for i, answer in zip(unknown, repeated[len(load) :], strict=True):
            answers[i] = answer
        return answers

    async def _execute(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        try:
            return await self._execute_once(commands)
        except RedisConnectionError:
            # A pooled connection may be of a server that was restarted. Every script may be sent twice.
            return await self._execute_once(commands)

    async def _execute_once(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        # Not redis-py's pipeline, which sets a timer for every answer: that took a tenth of the time of a small
        # request. Here one timer watches over all answers.
        replication = self._replication
        wait = [("WAIT", replication.replicas, replication.timeout_ms)] if replication.replicas else []
        patience_s = ANSWER_TIMEOUT_S + (replication.timeout_ms / 1000 if wait else 0)
        connection = await self._redis.connection_pool.get_connection()
        timeout, connection.socket_timeout = connection.socket_timeout, None  # or sending starts a task to time itself
        try:
            async with asyncio.timeout(patience_s):
                # Packed by hiredis and sent as one piece: the client's own packing is Python, argument by argument.
                await connection.send_packed_command(b"".join(map(pack_command, commands + wait)))
                answers = [await _answer(connection) for _ in commands + wait]
        except BaseException as error:
            await connection.disconnect(nowait=True)  # its late answers would be taken for others
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError(f"no answer within {patience_s:g} s") from error
            raise
        finally:
            connection.socket_timeout = timeout
            await self._redis.connection_pool.release(connection)
        if wait:
            confirmed = answers.pop()
            if any(isinstance(answer, NoScriptError) for answer in answers):
                return answers  # nothing to confirm yet: they are sent again, with the scripts
            replication.require(0 if isinstance(confirmed, Exception) else confirmed)
        return answers


async def _answer(connection: AbstractConnection) -> Any:
    """Returns the next answer. An error of this one command is an answer too."""
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error


def _barrier() -> _Call:
    call = _Call.of(Barrier(probe=keys.PROBE))
    call.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())  # no one else reads it
    return call
