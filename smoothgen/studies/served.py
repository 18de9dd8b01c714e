"""Tasks of kind "certificates" through a server: its queue spreads the jobs over the workers."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from smoothgen.client import Client, Generation
from smoothgen.contracts import ModelCard
from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.evaluation import Samples
from smoothgen.studies.answer import Answer, Asked, request_of, sampled_sigma
from smoothgen.studies.job_rows import job_rows, wants_baselines
from smoothgen.studies.kept_samples import kept_samples
from smoothgen.studies.runner import Measured
from smoothgen.studies.store import Task

SERVED_KINDS: Final = ("certificates",)
_HOUR_S: Final = 3600.0


class Served:
    """A server as a study asks it. May be used by several threads.

    The seconds of a job are those that its worker computed: the time in the queue says how many jobs are sent at once.
    """

    def __init__(self, client: Client, *, timeout_s: float = 6 * _HOUR_S) -> None:
        self._client, self._timeout_s = client, timeout_s

    def measure(self, task: Task) -> Measured:
        """Returns the rows of a task. Raises InvalidInput for a request that cannot be planned, UnknownName for a model
        that the server does not know, ServerProblem, ServerUnreachable, GenerationFailed."""
        card = self._card(task)
        request = request_of(task)
        asked = Asked.of(request, card)
        given: dict[str, Any] = {**task.settings["parameters"], **task.settings["robustness"]}
        given |= {"seed": request.seed, "output": request.output, "priority": "low"}
        if request.context is not None:
            given["context"] = request.context
        generation = self._client.generate(request.prompt, model=task.model, timeout_s=self._timeout_s, **given)
        usage, abstention = generation.usage, generation.abstention
        answer = Answer(
            certificate=generation.certificate,
            abstained=None if abstention is None else abstention.detail,
            estimate=generation.lipschitz_estimate,
            seconds=0.0 if usage is None else usage.device_s,
            plain_seconds=None,
            generated=0 if usage is None else usage.overhead,
            passes=None,
            compared=self._compared(asked, generation) if wants_baselines(task) else None,
        )
        return Measured(job_rows(task, asked, answer), {card.id: card.digest}, certificate=generation.view.certificate)

    def weights_of(self, task: Task) -> str:
        """Returns the digest of the weights that the server's workers have. Raises InvalidInput and UnknownName as
        `measure` does."""
        return self._card(task).digest

    def _card(self, task: Task) -> ModelCard:
        if "source" in task.settings:
            raise InvalidInput(
                f"model {task.model!r} of the plan has a source, {task.settings['source']!r}; a server loads its own "
                "models: serve it under this name and take the source out, or run with --local",
                field="source",
            )
        card = self._cards.get(task.model)
        if card is None:
            raise UnknownName("model of this server", task.model, sorted(self._cards), field="model")
        return card

    @staticmethod
    def _compared(asked: Asked, generation: Generation) -> Samples:
        if not generation.samples:
            raise InvalidInput(
                'baselines need the samples of the job: add output = "samples" to its options', field="options.output"
            )
        sigma = sampled_sigma(asked, generation.view.certificate)
        return kept_samples(asked, generation.samples, sigma)

    @cached_property
    def _cards(self) -> dict[str, ModelCard]:
        known = ModelCard.model_fields
        return {
            card.id: card
            for card in (
                ModelCard.model_validate({name: value for name, value in listed.items() if name in known})
                for listed in self._client.models()
            )
        }
