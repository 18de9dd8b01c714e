"""What comes of work items: distances stored, looks gone on from, jobs started over and ended."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json
from redis.asyncio import Redis

from smoothgen.contracts import RUN_WORDS, JobResult, JobSpec, ModelRef, NoisyOutput, Problem, RunWords, Selection
from smoothgen.queue import ending, keys
from smoothgen.queue.builds import Orphan
from smoothgen.queue.clock import Clock
from smoothgen.queue.ended_views import view_of_problem, view_of_result
from smoothgen.queue.outbox import facts_of
from smoothgen.queue.overdue import overdue_job, overdue_jobs
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.work import Advance, Open, Restart, Store
from smoothgen.queue.unreadable import unreadable
from smoothgen.queue.work_items import (
    Claim,
    CompleteLook,
    Overdue,
    Pace,
    Place,
    asked_of,
    joined_chunks,
    joined_words,
    packed_outputs,
    packed_rows,
    split_rows,
)

MOST_RESTARTS: Final = 2
"""How often a job starts over because no worker has its build any more. Then it fails."""


class Outcomes:
    """What a worker stores of its work items. Every method raises QueueUnavailable when Redis cannot be reached.

    The step that stores an outcome acknowledges the work item too: a crash before it repeats work, and never loses it.
    """

    def __init__(self, redis: Redis, scripts: Pipeline, clock: Clock) -> None:
        self._redis, self._scripts, self.clock = redis, scripts, clock

    async def open(
        self,
        claim: Claim,
        selection: Selection,
        *,
        look_end: int,
        pace: Pace,
        sheet: bytes | None,
        noisy_outputs: Sequence[NoisyOutput] | None = None,
        total: int | None = None,
    ) -> None:
        """Stores what a job's selection fixed, posts the chunks of the first look, and acknowledges.

        look_end: samples of the first look. sheet: the contact sheet, a PNG. noisy_outputs: the selection samples, None
        where the job does not ask for them. total: the most generations of the whole job, now that it is known what is
        run; None where planning knew.
        """
        fields: dict[str, str | int | float] = {
            "status": "running",
            "build": claim.build,
            "opening": selection.model_dump_json(),
            "output": selection.output.model_dump_json(),
            "done": selection.generations,
            "device_s": selection.device_s,
            "stored": 0,
            "posted": 0,
            "look_end": look_end,
            "chunk": pace.chunk,
        }
        if model := selection.provenance.get("model"):  # the one named at the submission may have been replaced since
            fields["model"] = ModelRef(**model).model_dump_json()
        if total is not None:
            fields["total"] = total
        if selection.batch_size is not None:
            fields["batch_size"] = selection.batch_size
        await self._scripts.call(
            Open(
                job=keys.job(claim.spec.id),
                stream=claim.stream,
                backlog=keys.backlog(claim.model),
                accounts=keys.accounts(claim.model),
                samples=keys.samples(claim.spec.id),
                outputs=keys.outputs(claim.spec.id),
                chunks=claim.chunks,
                group=keys.GROUP,
                entry=claim.entry,
                job_id=claim.spec.id,
                generations=selection.generations,
                window=pace.window,
                sheet=None if sheet is None else _base64(sheet),
                made=packed_outputs(noisy_outputs),
                attempt=claim.attempt,
                fields=fields,
            )
        )

    async def store(
        self,
        claim: Claim,
        distances: NDArray[np.float64],
        device_s: float,
        failure: str = "",
        words: Sequence[RunWords] | None = None,
        scores: NDArray[np.float64] | None = None,
        noisy_outputs: Sequence[NoisyOutput] | None = None,
        pictures: Mapping[int, bytes] | None = None,
    ) -> CompleteLook | None:
        """Stores a chunk's distances once, and acknowledges. Returns the look where it is complete with them.

        A chunk that completes its look is not acknowledged: the worker that holds it takes the look, and `advance` or
        `succeed` acknowledges. failure: why the last sample that failed did. words: what the chunk's runs read and
        said, None where that is not kept. scores: of each sample one for every claim on a score, shape (samples, K),
        None where the job has none. noisy_outputs: the samples, None where the job does not ask for them. pictures: a
        small PNG of each run that has one, by its index.
        """
        answer = await self._scripts.call(
            Store(
                job=keys.job(claim.spec.id),
                stream=claim.stream,
                backlog=keys.backlog(claim.model),
                accounts=keys.accounts(claim.model),
                distances=keys.distances(claim.spec.id),
                runs=keys.runs(claim.spec.id),
                outputs=keys.outputs(claim.spec.id),
                pictures=keys.pictures(claim.spec.id),
                chunks=claim.chunks,
                group=keys.GROUP,
                entry=claim.entry,
                job_id=claim.spec.id,
                first=claim.first,
                count=claim.count,
                packed=packed_rows(distances, scores),
                words=RUN_WORDS.dump_json(list(words)).decode() if words else None,
                made=packed_outputs(noisy_outputs),
                device_s=device_s,
                failure=failure,
                attempt=claim.attempt,
                kept={index: _base64(picture) for index, picture in (pictures or {}).items()},
            )
        )
        if answer[0] != "look":
            return None
        _, samples, spent_s, last_failure, flat, flat_words = answer
        found, scored = split_rows(joined_chunks(flat, samples, scores=claim.spec.scored))
        return CompleteLook(found, float(spent_s), last_failure, joined_words(flat_words, samples), scored)

    async def advance(
        self, claim: Claim, look: int, following: int, pace: Pace, radius: float, w1_bound: float
    ) -> None:
        """Goes on from the look of `look` samples to the look of `following`. radius, w1_bound: proven so far."""
        await self._scripts.call(
            Advance(
                job=keys.job(claim.spec.id),
                stream=claim.stream,
                chunks=claim.chunks,
                group=keys.GROUP,
                entry=claim.entry,
                job_id=claim.spec.id,
                look=look,
                following=following,
                chunk=pace.chunk,
                window=pace.window,
                radius=radius,
                w1_bound=w1_bound,
                attempt=claim.attempt,
            )
        )

    async def restart(self, item: Claim | Orphan, spec: JobSpec, *, batch_limit: int | None = None) -> str:
        """Starts the job of a work item over from its selection. All that was drawn for it is discarded.

        batch_limit: the samples of a fixed batch that may fit, where memory was too short; None where no worker has the
        job's build any more. Returns "restarted"; "void" where the job has ended or another call was first; and where
        nothing was changed "spent", after MOST_RESTARTS for want of a worker, or "bound", for a job that may run under
        one build only.
        """
        outcome: str = await self._scripts.call(
            Restart(
                job=keys.job(spec.id),
                stream=item.stream,
                openings=keys.work(item.model, spec.request.priority),
                backlog=keys.backlog(item.model),
                accounts=keys.accounts(item.model),
                distances=keys.distances(spec.id),
                runs=keys.runs(spec.id),
                pictures=keys.pictures(spec.id),
                samples=keys.samples(spec.id),
                outputs=keys.outputs(spec.id),
                group=keys.GROUP,
                entry=item.entry,
                job_id=spec.id,
                attempt=item.attempt,
                samples_to_draw=spec.samples_to_draw,
                most_restarts=MOST_RESTARTS,
                batch_limit=batch_limit,
            )
        )
        return outcome

    async def succeed(
        self,
        spec: JobSpec,
        result: JobResult,
        *,
        claim: Claim | None,
        attempt: int | None = None,
        sheet: bytes | None = None,
        fleet_bin: str = "",
    ) -> bool:
        """Stores the result and acknowledges the work item that led to it. Returns False where the job had ended or
        started over before.

        attempt: the job's attempt that the result is of, where no work item is held.
        """
        view = view_of_result(spec, result, None if claim is None else claim.windows)
        return await ending.end(
            self._scripts,
            spec.id,
            spec.request.model,
            "succeeded",
            view.model_dump_json(exclude_none=True),
            certificate=None if result.certificate is None else to_json(result.certificate).decode(),
            sheet=None if sheet is None else _base64(sheet),
            fleet_bin=fleet_bin,
            place=None if claim is None else claim.place,
            asked=asked_of(spec),
            attempt=attempt if claim is None else claim.attempt,
            facts=facts_of(result.model, result),
        )

    async def fail(self, claim: Claim, model: ModelRef, problem: Problem, *, fleet_bin: str = "") -> bool:
        """Stores why the job failed and acknowledges. Returns False where the job had ended before."""
        return await self._fail(claim.spec.id, model, problem, claim.place, claim.attempt, fleet_bin)

    async def expire(self, spec: JobSpec, model: ModelRef, problem: Problem) -> bool:
        """Fails an overdue job that has no result. A worker that is at it, or takes it later, finds it ended."""
        return await self._fail(spec.id, model, problem)

    async def bury(self, claim: Claim, model: ModelRef, problem: Problem) -> bool:
        """Fails a job that no worker survives, and keeps its id among the dead letters."""
        return await self._bury(claim.spec.id, model, problem, claim.place, claim.attempt)

    async def overdue(self, models: Iterable[str]) -> list[Overdue]:
        """Returns the jobs of these models whose deadline has passed, each with the distances it has."""
        now_ms, found = await self.clock.now_ms(), []
        for model in models:
            for job_id in await overdue_jobs(self._redis, model, now_ms):
                try:
                    job = await overdue_job(self._redis, model, job_id)
                except ValueError as error:  # the other jobs of the model have deadlines, too
                    await self._bury_unreadable(job_id, model, error, None)
                    continue
                if job is not None:
                    found.append(job)
        return found

    async def _fail(
        self,
        job_id: str,
        model: ModelRef,
        problem: Problem,
        place: Place | None = None,
        attempt: int | None = None,
        fleet_bin: str = "",
    ) -> bool:
        text = view_of_problem(job_id, model, problem).model_dump_json(exclude_none=True)
        return await ending.end(
            self._scripts,
            job_id,
            model.name,
            "failed",
            text,
            fleet_bin=fleet_bin,
            place=place,
            attempt=attempt,
            facts=facts_of(model),
        )

    async def _bury(
        self, job_id: str, model: ModelRef, problem: Problem, place: Place | None, attempt: int | None = None
    ) -> bool:
        await ending.bury(self._scripts, model.name, job_id, problem.detail)
        return await self._fail(job_id, model, problem, place, attempt)

    async def _bury_unreadable(self, job_id: str, model: str, error: ValueError, place: Place | None) -> None:
        """Fails a job whose record raised `error` when it was read. place: of the work item that is held, if one is."""
        await self._bury(job_id, ModelRef(name=model, revision="", digest=""), unreadable(error), place)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
