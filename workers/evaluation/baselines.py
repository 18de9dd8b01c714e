"""The samples of one prompt that all methods of a comparison are given, and the methods' rows."""

from __future__ import annotations

from smoothgen.certificates import Lipschitz
from smoothgen.contracts import Parameters
from smoothgen.evaluation import Samples
from smoothgen.noise import Seed, Stream
from smoothgen.studies.methods import label_samples, rows_of
from smoothgen.studies.rows import CertificateRow
from workers.distances import OutputMetric
from workers.distances.label import LabelMetric, Verdict
from workers.evaluation.outputs import features, labels, noise_on_embedding, outputs
from workers.serving.loaded_model import LoadedModel


def samples_of(
    loaded: LoadedModel,
    metric: OutputMetric,
    prompt: str,
    parameters: Parameters,
    *,
    sigma: float,
    tolerance: float,
    alpha: float,
    selection: int,
    certification: int,
    seed: Seed,
    batch_size: int,
) -> Samples:
    """Returns the samples that a job of this seed would draw, as features, and as labels under label and verdict.

    selection, certification: how many outputs of either kind. Raises InvalidMetric for a metric whose outputs have
    neither labels nor features, InvalidDistances where no output can be measured.
    """
    smoothing = noise_on_embedding(sigma, seed)
    drawn = [
        outputs(loaded, prompt, parameters, smoothing, seed, stream, count, batch_size=batch_size)
        for stream, count in ((Stream.SELECTION, selection), (Stream.CERTIFICATION, certification))
    ]
    if isinstance(metric, LabelMetric | Verdict):
        answers = [labels(metric, part) for part in drawn]
        return label_samples(*answers, sigma=sigma, alpha=alpha, tolerance=tolerance)
    measured = features(loaded, metric, [output for part in drawn for output in part])
    return Samples(
        selection=measured[:selection],
        certification=measured[selection:],
        sigma=sigma,
        alpha=alpha,
        tolerance=tolerance,
        diameter=metric.diameter,
    )


def compared_rows(
    loaded: LoadedModel,
    metric: OutputMetric,
    prompt: str,
    samples: Samples,
    *,
    study: str,
    setting: str,
) -> list[CertificateRow]:
    """Returns the rows of all methods on these samples. A generator with a constant that is proven in this metric
    has a row of it too."""
    return rows_of(
        samples,
        study=study,
        model=loaded.generator.identity.name,
        setting=setting,
        prompt=prompt,
        metric=metric.name,
        lipschitz=proven_constant(loaded, metric),
    )


def proven_constant(loaded: LoadedModel, metric: OutputMetric) -> Lipschitz | None:
    """Returns the constant of the model without noise, None where none is proven in this metric."""
    constant: Lipschitz | None = getattr(loaded.generator, "lipschitz", None)
    return constant if constant is not None and constant.metric == metric.name else None
