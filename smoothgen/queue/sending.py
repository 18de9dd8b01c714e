"""Calls of scripts on their way to one server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smoothgen.queue.keys import Key, guard
from smoothgen.queue.replication import UNREPLICATED, Replication
from smoothgen.queue.scripts.script import ScriptCall
from smoothgen.queue.timeouts import ANSWER_TIMEOUT_S

_MOST_AT_ONCE = 512


@dataclass(frozen=True)
class Sent:
    """A call on its way. key: its first. text: of its script. command: as Redis is sent it."""

    key: Key
    text: str
    command: tuple[Any, ...]
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @classmethod
    def of(cls, call: ScriptCall) -> Sent:
        """Returns a call as one server is sent it."""
        script, sent_keys = call.script, call.sent_keys
        return cls(sent_keys[0], script.text, ("EVALSHA", script.sha, len(sent_keys), *sent_keys, *call.sent_arguments))

    @classmethod
    def guarded(cls, call: ScriptCall) -> Sent:
        """Returns a call as a node of a cluster is sent it: with a last key that is never there, which the script
        drops."""
        script, sent_keys = call.script, call.sent_keys
        sent_keys.append(guard(sent_keys[0]))
        return cls(
            sent_keys[0],
            script.guarded_text,
            ("EVALSHA", script.guarded_sha, len(sent_keys), *sent_keys, *call.sent_arguments),
        )


class Sender:
    """Calls to one server that travel together, over one connection at a time.

    Where replicas must confirm, a barrier and one WAIT follow the calls.
    """

    def __init__(
        self, redis: Redis, replication: Replication = UNREPLICATED, barrier: Callable[[Sent], Sent] | None = None
    ) -> None:
        """barrier: returns the call that goes before the WAIT, given a call that goes before it."""
        self._redis, self._replication, self._barrier = redis, replication, barrier
        self._waiting: list[Sent] = []
        self._sending: asyncio.Task[None] | None = None

    def asked(self, call: Sent) -> asyncio.Future[Any]:
        """Returns the future of a call's answer."""
        self._waiting.append(call)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="redis pipeline")
        return call.answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                calls, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                if self._barrier is not None:
                    barrier = self._barrier(calls[0])
                    barrier.answer.add_done_callback(_read)
                    calls.append(barrier)
                await self._send_some(calls)
        finally:
            self._sending = None

    async def _send_some(self, calls: list[Sent]) -> None:
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
        if self._barrier is not None and isinstance(answers[-1], Exception):  # then the WAIT says nothing of the others
            answers = [answer if isinstance(answer, Exception) else answers[-1] for answer in answers]
        for call, answer in zip(calls, answers, strict=True):
            if call.answer.done():  # its caller was cancelled
                continue
            if isinstance(answer, Exception):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)

    async def _again_with_scripts(self, calls: list[Sent], answers: list[Any]) -> list[Any]:
        unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        # By one connection with the calls: during a failover another one may lead to another server.
        load = [("SCRIPT", "LOAD", text) for text in {calls[i].text for i in unknown}]
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
            if isinstance(answers[-1], Exception):
                return answers  # the barrier wrote nothing: a node that serves the slot no longer confirms nothing
            replication.require(0 if isinstance(confirmed, Exception) else confirmed)
        return answers


async def _answer(connection: AbstractConnection) -> Any:
    """Returns the next answer. An error of this one command is an answer too."""
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error


def _read(answer: asyncio.Future[Any]) -> None:
    """Looks at the answer of a barrier, which no caller does."""
    _ = answer.cancelled() or answer.exception()
