"""The plan of an evaluation: models, prompts and studies, as a TOML file states them, and the tasks that follow.

docs/evaluation/README.md shows a plan. Plans that come with the library have names: "baselines",
"default-models", "gpt2-wikitext", "proposal", "quick", "sd15-coco".
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.noise import CLIENT_SEED_LIMIT
from smoothgen.studies.prompts import GivenPrompt, PromptSource, prompts_of
from smoothgen.studies.store import Task

_PLANS: Final = files("smoothgen.studies") / "plans"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(_Part):
    """What a request says beside model and prompt. All of it may be left out.

    parameters, robustness: as in POST /generate. options: for the kind of task, such as {baselines = true}.
    """

    parameters: dict[str, Any] = {}
    robustness: dict[str, Any] = {}
    options: dict[str, Any] = {}

    def under(self, other: Asked) -> Asked:
        """Returns this, with what the other says in the place of what both say."""
        return Asked(
            parameters={**self.parameters, **other.parameters},
            robustness={**self.robustness, **other.robustness},
            options={**self.options, **other.options},
        )


class PlannedModel(Asked):
    """A model and its prompts.

    name: as requests name it. source: a folder, a GGUF file or a hub name, for `--local`; None for a model that comes
    with the project. vision_models: what metric vision-chord may name, for `--local`. prompts: strings,
    tables {prompt, context}, or {file, first} (docs/evaluation/README.md).
    """

    name: str = Field(min_length=1)
    source: str | None = None
    vision_models: tuple[str, ...] = ()
    prompts: tuple[GivenPrompt, ...] | PromptSource


class Setting(Asked):
    """One setting of a study: what differs from the others, and its name in tables."""

    name: str = Field(min_length=1)


class Study(Asked):
    """One question: a kind of task under one or more settings.

    kind: which code runs it, such as "certificates". models: names, all models where left out. prompts: the most
    prompts a model, all where left out. own_prompts: in the place of the models' prompts. per_prompt: whether each
    prompt is a task of its own; else one task has all prompts, in settings["prompts"].
    """

    name: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    models: tuple[str, ...] | None = None
    prompts: int | None = Field(default=None, ge=1)
    own_prompts: tuple[GivenPrompt, ...] | PromptSource | None = None
    per_prompt: bool = True
    settings: tuple[Setting, ...] = Field(min_length=1)

    @field_validator("settings")
    @classmethod
    def _names_differ(cls, settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
        _require_different("settings", (setting.name for setting in settings))
        return settings


class Plan(_Part):
    """A whole evaluation. seed: every prompt's own seed follows from it; settings of one prompt share its noise."""

    name: str = Field(min_length=1)
    about: str = ""
    seed: int = Field(default=1, ge=0, lt=CLIENT_SEED_LIMIT)
    models: tuple[PlannedModel, ...] = Field(min_length=1)
    studies: tuple[Study, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_models(self) -> Plan:
        names = [model.name for model in self.models]
        _require_different("models", names)
        for study in self.studies:
            for name in study.models or ():
                if name not in names:
                    raise ValueError(f"study {study.name!r} names model {name!r}, and the plan has {names}")
        return self

    def model(self, name: str) -> PlannedModel:
        """Returns a model of the plan by its name. Raises UnknownName."""
        for model in self.models:
            if model.name == name:
                return model
        raise UnknownName("model of the plan", name, [model.name for model in self.models])

    def tasks(self, folder: Path) -> Iterator[Task]:
        """Yields every task, study by study. folder: where the plan's files of prompts are looked for. Raises
        InvalidInput for a file of prompts that cannot be read."""
        prompts = {model.name: prompts_of(model.prompts, folder, self.seed) for model in self.models}
        for study in self.studies:
            own = None if study.own_prompts is None else prompts_of(study.own_prompts, folder, self.seed)
            for model in self.models:
                if study.models is None or model.name in study.models:
                    yield from self._tasks_of(study, model, (own or prompts[model.name])[: study.prompts])

    def _tasks_of(self, study: Study, model: PlannedModel, prompts: list[GivenPrompt]) -> Iterator[Task]:
        for setting in study.settings:
            asked = model.under(study).under(setting)
            common = {
                "parameters": asked.parameters,
                "robustness": asked.robustness,
                "options": asked.options,
                **({} if model.source is None else {"source": model.source}),
            }
            named = {"kind": study.kind, "study": study.name, "model": model.name, "setting": setting.name}
            if not study.per_prompt:
                everything = {"seed": self.seed_of(model.name, ""), "prompts": [each.prompt for each in prompts]}
                yield Task(**named, settings={**common, **everything})
                continue
            for each in prompts:
                own = {"seed": self.seed_of(model.name, each.prompt)}
                context = {} if each.context is None else {"context": list(each.context)}
                yield Task(**named, prompt=each.prompt, settings={**common, **own, **context})

    def seed_of(self, model: str, prompt: str) -> int:
        """Returns the seed of a prompt's jobs: a function of the plan's seed, the model's name and the prompt."""
        content = f"{self.seed}\n{model}\n{prompt}".encode()
        return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % CLIENT_SEED_LIMIT


@dataclass(frozen=True)
class Chosen:
    """Which tasks of a plan are run: of these kinds, studies and models; None for all of them."""

    kinds: Sequence[str] | None = None
    studies: Sequence[str] | None = None
    models: Sequence[str] | None = None

    def of(self, plan: Plan, folder: Path) -> list[Task]:
        """Returns the tasks. Raises InvalidInput where none is left, and as `Plan.tasks` does."""
        found = [task for task in plan.tasks(folder) if self._has(task)]
        if not found:
            raise InvalidInput(
                f"plan {plan.name!r} has no task of kinds {self.kinds or 'any'}, studies {self.studies or 'any'} and "
                f"models {self.models or 'any'}; its kinds are {sorted({study.kind for study in plan.studies})}",
                field="plan",
            )
        return found

    def _has(self, task: Task) -> bool:
        asked = ((self.kinds, task.kind), (self.studies, task.study), (self.models, task.model))
        return all(not names or name in names for names, name in asked)


def builtin_plans() -> list[str]:
    """Returns the names of the plans that come with the library."""
    return sorted(entry.name.removesuffix(".toml") for entry in _PLANS.iterdir() if entry.name.endswith(".toml"))


def read_plan(given: str) -> tuple[Plan, Path]:
    """Returns a plan, by its name or its file, and the folder its files of prompts are in.

    Raises InvalidInput for a file that is no plan, and says where; UnknownName for what is neither file nor name.
    """
    file = Path(given)
    if not file.is_file():
        if given not in builtin_plans():
            raise UnknownName("plan (nor a file of that name)", given, builtin_plans(), field="plan")
        file = Path(str(_PLANS / f"{given}.toml"))
    try:
        return Plan.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))), file.parent
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is no TOML file: {error}", field="plan") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise InvalidInput(
            f"{file} is no plan of an evaluation: {where}: {first['msg']} (got {first['input']!r:.80}); "
            f"{error.error_count()} errors in all",
            field="plan",
        ) from error


def _require_different(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two {what} have the name {name!r}; rename one, rows are told apart by it")
        seen.add(name)
