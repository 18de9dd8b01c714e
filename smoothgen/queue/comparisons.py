"""Asking a worker to compare prompts with a certificate: a call and its reply, at most once.

Unlike a job, a call is not work that was accepted: its client waits for it, and asks again where nothing comes. So a
worker takes a call off the list at once. Where the worker dies with it, the gateway gives up at the call's deadline.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from redis.asyncio import Redis

from smoothgen.contracts import CoversCall, CoversReply, JobSpec, Problem
from smoothgen.errors import NoWorker, Overloaded
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.presence import Presence
from smoothgen.queue.unreadable import unreadable
from smoothgen.queue.waiting import pop_first

_REPLY: TypeAdapter[CoversReply] = TypeAdapter(CoversReply)
_RETRY_FULL_S = 5
"""How many seconds a client is told to wait where too many calls wait already."""


class ComparisonQueue:
    """Calls and replies in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, presence: Presence) -> None:
        self._redis, self._presence = redis, presence

    async def ask(self, call: CoversCall) -> None:
        """Puts a call before the workers of its model. The gateway's reply stream tells when the call is answered.

        Raises NoWorker where no worker serves the model, Overloaded where too many calls wait.
        """
        waiting, text = keys.covers_calls(call.model), call.model_dump_json()
        if not (await self._presence.live([call.model]))[call.model]:
            raise NoWorker(
                f"no worker serves model {call.model!r} now, and comparing prompts needs one to embed them; ask "
                "again when one has started"
            )
        with redis_errors():
            async with self._redis.pipeline() as pipeline:
                pipeline.rpush(waiting, text)
                pipeline.expire(waiting, keys.COVERS_TTL_S)
                length, _ = await pipeline.execute()
            if length > keys.COVERS_WAITING:
                await self._redis.lrem(waiting, -1, text)
                raise Overloaded(
                    f"{length - 1} comparisons wait for the workers of model {call.model!r}, and "
                    f"{keys.COVERS_WAITING} is the limit; ask again in {_RETRY_FULL_S} s",
                    retry_after_s=_RETRY_FULL_S,
                )

    async def reply(self, call_id: str) -> CoversReply | None:
        """Returns the reply to a call and deletes it, None where there is none yet."""
        with redis_errors():
            found = await self._redis.getdel(keys.covers_reply(call_id))
        return None if found is None else _REPLY.validate_json(found)

    async def take(self, models: Sequence[str], *, block_s: float) -> CoversCall | None:
        """Returns the next call for one of these models that is still waited for, None where none comes in block_s.

        A call that cannot be read is answered with a problem that says so.
        """
        with redis_errors():
            found = await pop_first(self._redis, [keys.covers_calls(model) for model in models], block_s=block_s)
        if found is None:
            return None
        try:
            call = CoversCall.model_validate_json(found)
        except ValidationError as error:
            await self._answer_unreadable(found, unreadable(error, "comparison"))
            return None
        return call if await self._presence.clock.now_ms() < call.deadline_ms else None

    async def _answer_unreadable(self, text: str, problem: Problem) -> None:
        structlog.get_logger().warning("covers_call_unreadable", detail=problem.detail, call=text[:200])
        try:
            read = from_json(text)
            call_id, gateway = str(read["id"]), str(read["gateway"])
        except (ValueError, KeyError, TypeError):
            return  # the gateway cannot be told, and gives up at the call's deadline
        await self._answer(call_id, gateway, problem)

    async def material(self, certificate_id: str) -> tuple[str, JobSpec] | None:
        """Returns a certificate's JSON and the request it answers, None where one of them is not kept here.

        Raises pydantic.ValidationError where the request was written by another version.
        """
        with redis_errors():
            document, asked = await self._redis.mget(keys.certificate(certificate_id), keys.asked(certificate_id))
        return None if document is None or asked is None else (document, JobSpec.model_validate_json(asked))

    async def answer(self, call: CoversCall, reply: CoversReply) -> None:
        """Stores the reply for a short while and tells the gateway that asked."""
        await self._answer(call.id, call.gateway, reply)

    async def _answer(self, call_id: str, gateway: str, reply: CoversReply) -> None:
        replies = keys.replies(gateway)
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:  # in a cluster they lie on two nodes
                pipeline.set(keys.covers_reply(call_id), reply.model_dump_json(exclude_none=True), ex=keys.COVERS_TTL_S)
                pipeline.xadd(replies, {"job": call_id}, maxlen=keys.REPLIES_KEPT, approximate=True)
                pipeline.expire(replies, keys.WATCH_TTL_S)
                await pipeline.execute()
