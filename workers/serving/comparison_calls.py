"""Answering calls that compare prompts with a certificate.

The computing thread embeds the prompts between two runs of work items. The rest is arithmetic on the noise and runs
beside it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

import structlog
from pydantic import ValidationError

from smoothgen.certificates import EditsCertificate, ExhaustiveCertificate, UnitsCertificate, read_certificate
from smoothgen.contracts import CoversCall, CoversReply, Problem
from smoothgen.errors import Conflict, InvalidInput, InvalidParameters, QueueUnavailable
from smoothgen.mechanisms import SynonymClasses
from smoothgen.queue.comparisons import ComparisonQueue
from smoothgen.queue.unreadable import unreadable
from workers.job_logs import trace_of
from workers.jobs.comparison import Embedding, by_class, compared
from workers.jobs.token_comparison import compared_tokens
from workers.serving.compute import ComputeThread, Running
from workers.serving.loaded_model import LoadedModel

_BLOCK_S = 1.0
_RECONNECT_S = 0.5
_HANGS_S = 0.5


class ComparisonCalls:
    """Answers the calls of a worker's models, one after the other."""

    def __init__(
        self,
        queue: ComparisonQueue,
        models: Mapping[str, LoadedModel],
        compute: ComputeThread,
        hangs: Callable[[], bool] = lambda: False,
    ) -> None:
        """hangs: says whether the computing thread hangs. Calls are then left to other workers."""
        self._queue, self._models, self._compute, self._hangs = queue, models, compute, hangs
        self._log = structlog.get_logger()

    async def serve(self, stopping: asyncio.Event) -> None:
        """Answers until `stopping`. Waits while Redis is away. The gateway repeats a call that was taken and lost."""
        while not stopping.is_set():
            if self._hangs():
                await asyncio.sleep(_HANGS_S)
                continue
            try:
                call = await self._queue.take(list(self._models), block_s=_BLOCK_S)
                if call is not None:
                    await self._queue.answer(call, await self._reply(call))
            except QueueUnavailable:
                await asyncio.sleep(_RECONNECT_S)
            except Exception:  # the next call may go well; a dead task would be noticed by nobody
                self._log.exception("covers_failed")
                await asyncio.sleep(_RECONNECT_S)

    async def _reply(self, call: CoversCall) -> CoversReply:
        prompts = list(call.prompts)
        try:
            material = await self._queue.material(call.certificate)
            if material is None:
                return _gone(call)
            document, asked = json.loads(material[0]), material[1]
            prompts.append(asked.request.prompt)
            model = self._models[call.model]
            if document["model"]["digest"] != model.card.digest:
                return _replaced(_is_another(call, model.card.digest))
            certificate, running = read_certificate(document), Running(call.model, len(call.prompts))
            if isinstance(certificate, ExhaustiveCertificate):
                return await self._compute.run(running, compared_tokens, certificate, asked, model.generator, call)
            if isinstance(certificate, EditsCertificate):  # the gateway asks no worker about one
                raise InvalidParameters(f"certificate {call.certificate!r:.80} speaks of the texts of its set alone")
            if isinstance(certificate, UnitsCertificate):  # nor about one of these, which counts edits of units
                raise InvalidParameters(f"certificate {call.certificate!r:.80} speaks of edits of its units alone")
            if isinstance(certificate.mechanism, SynonymClasses):
                return by_class(certificate, certificate.mechanism, call, asked.request.prompt)
            # Runs when the thread is done with the work items it is at: the model is not to be used from two threads.
            embed = Embedding(asked, model.generator)
            conditions = await self._compute.run(running, embed, call.prompts)
            return await asyncio.to_thread(compared, certificate, call, conditions)
        except Conflict as error:
            return _replaced(str(error))
        except InvalidInput as error:
            return Problem.of("invalid-request", "The request cannot be served as written", 422, str(error))
        except ValidationError as error:
            return unreadable(error, "request behind this certificate")
        except QueueUnavailable:
            raise
        except Exception as error:
            self._log.error("covers_failed", certificate=call.certificate, exception=trace_of(error, prompts))
            detail = f"the worker failed with {type(error).__name__}; its log has the cause under {call.certificate}"
            return Problem.of("worker-error", "The worker failed", 500, detail)


def _gone(call: CoversCall) -> Problem:
    return Problem.of(
        "not-found",
        "Not found",
        404,
        f"the request behind certificate {call.certificate!r:.80} is not kept here, so its prompt cannot be embedded "
        "again; ask for a new certificate",
    )


def _is_another(call: CoversCall, digest: str) -> str:
    return (
        f"model {call.model!r} is now {digest}, another than certificate {call.certificate!r:.80} was made with; ask "
        "for a new certificate"
    )


def _replaced(detail: str) -> Problem:
    return Problem.of("model-replaced", "The model was replaced", 409, detail)
