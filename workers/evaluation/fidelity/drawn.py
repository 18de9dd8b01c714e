"""The outputs of a setting, and the model's plain ones beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts import GenerateRequest, JobSpec, Parameters
from smoothgen.contracts.mechanism_names import TOKENS
from smoothgen.errors import InvalidParameters
from smoothgen.noise import Seed, Stream, normals
from smoothgen.planning.plan import plan
from smoothgen.studies.measures import PLAIN
from smoothgen.studies.store import Task
from workers.evaluation.outputs import Output, condition_for, outputs
from workers.generators import Draw, Smoothing
from workers.serving.loaded_model import LoadedModel

_MOST_SAMPLES: Final = 1_000_000


class Options(BaseModel):
    """What a plan may say of a task of fidelity, in `options`.

    samples: outputs a prompt. alpha: of every interval. epsilon: norm of the random attack of the empirical W₁, None
    for half of σ. paraphrases: other prompts of the same meaning, by prompt. references: what people wrote where the
    model is asked this prompt. inception, clip: a TorchScript file and a CLIP model's folder or hub name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=64, ge=4, le=100_000)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    epsilon: float | None = Field(default=None, gt=0)
    paraphrases: dict[str, tuple[str, ...]] = {}
    references: dict[str, tuple[str, ...]] = {}
    inception: str | None = None
    clip: str | None = None

    @classmethod
    def of(cls, task: Task) -> Options:
        """Returns the options of a task; `baselines`, which a model may state for all its studies, is no matter here.
        Raises pydantic.ValidationError."""
        return cls.model_validate({k: v for k, v in task.settings["options"].items() if k != "baselines"})


@dataclass(frozen=True)
class Setting:
    """A task's setting on a loaded model: planned as a job of it would be.

    smoothing: the noise, None for plain outputs and for mechanism tokens, whose served output is the plain one.
    """

    loaded: LoadedModel
    spec: JobSpec
    smoothing: Smoothing | None
    options: Options
    batch_size: int

    @classmethod
    def of(cls, loaded: LoadedModel, task: Task, batch_size: int) -> Setting:
        """Returns the setting of a task over prompts. Raises InvalidInput for a request that cannot be planned and for
        a mechanism whose served output is neither noisy nor plain."""
        settings = task.settings
        request = GenerateRequest.model_validate(
            {
                "model": task.model,
                "prompt": prompts_of(task)[0],
                "parameters": settings["parameters"],
                "robustness": settings["robustness"],
                "seed": settings["seed"],
            }
        )
        spec = plan(request, loaded.card, max_samples=_MOST_SAMPLES)
        if not spec.noised and spec.mechanism != TOKENS and task.setting != PLAIN:
            raise InvalidParameters(
                f"fidelity is measured under noise and under {TOKENS!r}, not under mechanism {spec.mechanism!r}; leave "
                "the setting out of the study",
                field="robustness.mechanism",
            )
        plain = task.setting == PLAIN or not spec.noised
        common = Draw(seed_of(spec), Stream.GENERATOR_COMMON, 0)
        snapped = spec.request.robustness.snap is True
        smoothing = None if plain else Smoothing(spec.mechanism, spec.sigma, common, snapped=snapped)
        return cls(loaded, spec, smoothing, Options.of(task), batch_size)

    @property
    def parameters(self) -> Parameters:
        """Returns how outputs are generated."""
        return self.spec.parameters

    @property
    def count(self) -> int:
        """Returns how many outputs of each prompt are measured."""
        return self.options.samples

    def measured(self, prompt: str) -> list[Output]:
        """Returns the outputs of the setting."""
        return self._drawn(prompt, self.smoothing)

    def plain(self, prompt: str, *, stream: Stream = Stream.CERTIFICATION) -> list[Output]:
        """Returns plain outputs; under CERTIFICATION with the randomness ω of those measured, one by one."""
        return self._drawn(prompt, None, stream=stream)

    def unattacked(self, prompt: str) -> list[Output]:
        """Returns as many outputs of the setting again, independent of those measured."""
        return self._drawn(prompt, self.smoothing, first=self.count)

    def attacked(self, prompt: str) -> list[Output]:
        """Returns outputs under an attack of norm `epsilon` in a random direction, independent of those measured."""
        embedding = condition_for(self.loaded, prompt, self.parameters, self.smoothing).embedding
        direction = normals(seed_of(self.spec), Stream.SENSITIVITY, 0, embedding.size).reshape(embedding.shape)
        moved = embedding + self.epsilon * direction / np.linalg.norm(direction)
        return self._drawn(prompt, self.smoothing, first=self.count, embedding=moved)

    @property
    def epsilon(self) -> float:
        """Returns the norm of the random attack."""
        return self.options.epsilon or 0.5 * (self.spec.sigma or 1.0)

    def plain_batch(self, prompt: str) -> list[Output]:
        """Returns one batch of plain outputs, each of them run, also where all are the same: for the clock."""
        return self._drawn(prompt, None, count=min(self.count, self.batch_size), repeat=False)

    def runs(self, prompts: Iterable[str]) -> int:
        """Returns how often the model ran for the outputs measured: a plain model that says one thing ran once a
        prompt."""
        return sum(1 if self.smoothing is None and not self._random(prompt) else self.count for prompt in prompts)

    def _drawn(
        self,
        prompt: str,
        smoothing: Smoothing | None,
        *,
        stream: Stream = Stream.CERTIFICATION,
        first: int = 0,
        count: int | None = None,
        embedding: NDArray[Any] | None = None,
        repeat: bool = True,
    ) -> list[Output]:
        asked = count or self.count
        # Without noise and without randomness of its own a model says one thing, which is run once.
        same = repeat and smoothing is None and not self._random(prompt)
        made = outputs(
            self.loaded,
            prompt,
            self.parameters,
            smoothing,
            seed_of(self.spec),
            stream,
            1 if same else asked,
            embedding=embedding,
            batch_size=self.batch_size,
            first=first,
            randomness="fresh",
        )
        return made * asked if same else made

    def _random(self, prompt: str) -> bool:
        return condition_for(self.loaded, prompt, self.parameters, None).random


def prompts_of(task: Task) -> Sequence[str]:
    """Returns the prompts of a task over all of them. Raises InvalidParameters for a task of one prompt."""
    found: Sequence[str] = task.settings.get("prompts", ())
    if not found:
        raise InvalidParameters(
            f"a task of fidelity is over all prompts, got {task.prompt!r:.60}; write per_prompt = false in the study",
            field="per_prompt",
        )
    return found


def seed_of(spec: JobSpec) -> Seed:
    """Returns the task's seed."""
    return Seed(int(spec.seed, 16), spec.seed_origin)
