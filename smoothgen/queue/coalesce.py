"""Many script calls, few round trips: what is asked for while one pipeline travels goes with the next."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smoothgen.queue.connection import ANSWER_TIMEOUT_S, redis_errors
from smoothgen.queue.lua import Script

_MOST_AT_ONCE = 512


@dataclass(frozen=True)
class _Call:
    script: Script
    arguments: tuple[Any, ...]
    answer: asyncio.Future[Any]


class Coalescer:
    """Runs scripts on one Redis. A call raises QueueUnavailable when Redis cannot be reached; it may then have run."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Call] = []
        self._sending: asyncio.Task[None] | None = None

    async def call(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """One script's answer."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(script, ("EVALSHA", script.sha, len(keys), *keys, *arguments), answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="redis pipeline")
        with redis_errors():
            return await answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                calls, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._send_some(calls)
        finally:
            self._sending = None

    async def _send_some(self, calls: list[_Call]) -> None:
        try:
            answers = await self._execute([call.arguments for call in calls])
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
        for script in {calls[i].script for i in unknown}:
            await self._redis.script_load(script.text)
        repeated = await self._execute([calls[i].arguments for i in unknown])
        for i, answer in zip(unknown, repeated, strict=True):
            answers[i] = answer
        return answers

    async def _execute(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        try:
            return await self._execute_once(commands)
        except RedisConnectionError:
            # A pooled connection may be of a server that was restarted. Every script may be sent twice.
            return await self._execute_once(commands)

    async def _execute_once(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        # A connection of its own, not redis-py's pipeline: that sets a timer for every answer, a tenth of all the time
        # a small request takes. Here one timer watches over all of them.
        connection = await self._redis.connection_pool.get_connection()
        timeout, connection.socket_timeout = connection.socket_timeout, None  # or sending starts a task to time itself
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                # Packed by hiredis and sent as one piece: the client's own packing is Python, argument by argument.
                await connection.send_packed_command(b"".join(map(pack_command, commands)))
                return [await _answer(connection) for _ in commands]
        except TimeoutError as error:
            await connection.disconnect(nowait=True)  # its late answers would be taken for others
            raise RedisTimeoutError(f"no answer within {ANSWER_TIMEOUT_S} s") from error
        finally:
            connection.socket_timeout = timeout
            await self._redis.connection_pool.release(connection)


async def _answer(connection: AbstractConnection) -> Any:
    """The next answer; an error of this one command is an answer too."""
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error
