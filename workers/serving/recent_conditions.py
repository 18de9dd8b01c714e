"""The conditions of the jobs an executor met last."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from smoothgen.contracts import JobSpec, Template
from workers.generators import Condition, Generator
from workers.jobs.sampling import condition_of

_MOST: Final = 256
_MOST_WITH_CONTENT: Final = 4
"""How many conditions of a seed image or of given embeddings are kept. Each has megabytes."""

_Key = tuple[str, float | None, Template | None]
"""Job id, selected noise level and chat template."""


class RecentConditions:
    """Embeds a job's prompt once for all its chunks, which come one after the other."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._plain: OrderedDict[_Key, Condition] = OrderedDict()
        self._with_content: OrderedDict[_Key, Condition] = OrderedDict()

    def of(self, spec: JobSpec, sigma: float | None = None, template: Template | None = None) -> Condition:
        """Returns the job's condition.

        sigma, template: the level and the chat template its selection chose, where it did. Raises as `condition_of`.
        """
        plain = all(getattr(spec.parameters, name, None) is None for name in ("image", "prompt_embeds"))
        kept, most = (self._plain, _MOST) if plain else (self._with_content, _MOST_WITH_CONTENT)
        key = (spec.id, sigma, template)
        if key not in kept:
            kept[key] = condition_of(spec, self._generator, sigma, template)
            if len(kept) > most:
                kept.popitem(last=False)
        return kept[key]
