"""Jobs whose build no worker serves any more start over from their selection, and fail where that does not help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from smoothgen.contracts import ModelRef, Problem
from smoothgen.errors import QueueUnavailable
from smoothgen.queue import MOST_RESTARTS, Claim, WorkQueue
from smoothgen.queue.builds import Orphan
from workers.jobs.outcomes import crashed

OnFailure = Callable[[Claim, Problem], None]


class Restarting:
    """Starts the orphaned jobs of one worker's models over. Any worker of a model may; the first one does."""

    def __init__(
        self,
        queue: WorkQueue,
        refs: Mapping[str, ModelRef],
        builds: Mapping[str, str],
        *,
        after_s: float,
        on_failure: OnFailure,
    ) -> None:
        """refs, builds: of this worker's models, by name; after_s: how long nobody must have served a build.

        on_failure: told of every job this worker failed here.
        """
        self._queue, self._refs, self._builds = queue, refs, builds
        self._after_s, self._on_failure = after_s, on_failure
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    @property
    def every_s(self) -> float:
        """Seconds between two calls of `settle`."""
        return self._after_s / 6

    async def settle(self) -> None:
        """Starts over what waits for builds nobody serves. Raises QueueUnavailable."""
        # Until nothing is found: each one that is dealt with lets the next into the stream.
        while orphans := await self._queue.builds.orphans(self._builds, self._after_s):
            for orphan in orphans:
                await self._settle(orphan)

    async def _settle(self, orphan: Orphan) -> None:
        claim = await self._queue.orphaned(orphan)
        if claim is None:
            return
        try:
            outcome = await self._queue.restart(orphan, claim.spec)
        except QueueUnavailable:
            raise
        except Exception as error:  # this job's record: the others are to be started over all the same
            await self._fail(claim, crashed(claim.spec, error).problem)
            return
        if outcome == "restarted":
            self._log.warning(
                "job_restarted", **claim.spec.log_fields, reason="no worker has its build", build=claim.build
            )
        elif outcome in ("spent", "bound"):
            await self._fail(claim, _changed(claim, self._after_s, outcome))

    async def _fail(self, claim: Claim, problem: Problem) -> None:
        # A fleet request stays outstanding: its sample may have been drawn, and may be what its workers died of.
        if await self._queue.fail(claim, self._refs[claim.model], problem):
            self._on_failure(claim, problem)


def _changed(claim: Claim, after_s: float, outcome: str) -> Problem:
    """Returns the problem of a job that outlived the workers of its build, with the remedy."""
    model, build = claim.model, claim.build
    if outcome == "bound":
        said = (
            f"the request was planned for model {model!r} as {build}, and no worker has had that for {after_s:g} s; "
            "send it again: it will be planned for the model that is served now"
        )
    else:
        said = (
            f"the job started over {MOST_RESTARTS} times, as the workers of model {model!r} were replaced by others "
            f"with other weights or precision, and now no worker has had {build} for {after_s:g} s; send it again when "
            "all workers of the model are of one revision"
        )
    return Problem.of("model-changed", "The model changed while the job ran", 503, said)
