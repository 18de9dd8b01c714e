"""The models of an evaluation in this process, each loaded when a task first asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from smoothgen.errors import InvalidInput
from smoothgen.studies.plan import Plan
from smoothgen.studies.store import Task
from workers.generators import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

_REMEDY: Final = "name a model that comes with the project, or give its folder or hub name as `source`"


class Room:
    """Models by name, with the settings of a worker. plan: says where models that do not come with the project are."""

    def __init__(self, settings: Settings, plan: Plan | None = None) -> None:
        vision = () if plan is None else tuple(dict.fromkeys(v for m in plan.models for v in m.vision_models))
        self.settings = settings.model_copy(update={"vision_models": [*settings.vision_models, *vision]})
        self._loaded: dict[str, LoadedModel] = {}
        self.certificates: dict[str, dict[str, Any]] = {}
        """The documents of certificates that were made and not yet stored, by their task's key."""

    def model(self, name: str, source: str | None = None) -> LoadedModel:
        """Returns a model, loaded. source: a folder, a GGUF file or a hub name. Raises InvalidInput, which says what
        could not be loaded."""
        written = name if source is None else f"{name}={source}"
        if written not in self._loaded:
            try:
                generator = load_generator(written, self.settings)
            except OSError as error:
                raise InvalidInput(f"model {written!r} cannot be loaded: {error}; {_REMEDY}", field="model") from error
            self._loaded[written] = LoadedModel(generator, self._encoders, self.settings)
        return self._loaded[written]

    def model_of(self, task: Task) -> LoadedModel:
        """Returns the model of a task."""
        return self.model(task.model, task.settings.get("source"))

    def weights_of(self, task: Task) -> str:
        """Returns the digest of a task's model, as it is loaded. Raises InvalidInput as `model` does."""
        return self.model_of(task).card.digest

    @cached_property
    def accelerator(self) -> str | None:
        """Returns the name of the accelerator that models run on, None on CPU."""
        if self.settings.device == "cpu":
            return None
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None

    @cached_property
    def _encoders(self) -> Encoders:
        return Encoders(self.settings)
