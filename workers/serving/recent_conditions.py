"""The conditions of recent jobs, so that a prompt is not embedded again for every work item of its job."""

from __future__ import annotations

from collections import OrderedDict

from smoothgen.contracts import JobSpec, Template
from workers.generators import Condition, Generator
from workers.jobs.sampling import condition_of

_KEPT = 256
_WITH_IMAGES_KEPT = 4
"""How many conditions with a seed image are kept. Each has megabytes."""


class RecentConditions:
    """Embeds prompts with one generator and keeps what it embedded last."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._plain, self._with_images = _Kept(_KEPT), _Kept(_WITH_IMAGES_KEPT)

    def of(self, spec: JobSpec, sigma: float | None = None, template: Template | None = None) -> Condition:
        """Returns the job's condition at the noise level and in the chat template that its selection chose.

        sigma, template: None where the selection chose none. Raises as `condition_of` does.
        """
        kept = self._plain if getattr(spec.parameters, "image", None) is None else self._with_images
        key = (spec.id, sigma, template)
        if key not in kept:
            kept.keep(key, condition_of(spec, self._generator, sigma, template))
        return kept[key]


class _Kept(OrderedDict[tuple[str, float | None, Template | None], Condition]):
    """The last `most` conditions, by job, noise level and template."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: tuple[str, float | None, Template | None], condition: Condition) -> None:
        """Adds a condition, and drops the oldest where there are too many."""
        self[key] = condition
        if len(self) > self._most:
            self.popitem(last=False)
