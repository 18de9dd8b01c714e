"""Fidelity of pictures: Fréchet distances, CLIP score, agreement with the plain picture, names in the prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smoothgen.contracts import VisionChord
from smoothgen.errors import InvalidParameters
from smoothgen.noise import Stream
from smoothgen.studies import measures
from smoothgen.studies.measures import PLAIN
from smoothgen.studies.rows import FidelityRow
from workers.evaluation.fidelity.clip import ClipScore
from workers.evaluation.fidelity.drawn import Setting
from workers.evaluation.fidelity.frechet import Features, frechet_distance
from workers.evaluation.fidelity.inception import InceptionFeatures
from workers.evaluation.fidelity.shares import share_of
from workers.evaluation.outputs import Output
from workers.features import Classifier
from workers.generators import Failure

Encode = Callable[[Sequence[Any]], Features]


def picture_rows(
    setting: Setting, measured: Mapping[str, Sequence[Output]], named: Mapping[str, str]
) -> Iterator[FidelityRow]:
    """Yields the rows of pictures. measured: the setting's outputs by prompt. named: study, model and setting of rows.

    The Fréchet distances are between the setting's outputs and plain outputs with other randomness, over all prompts
    together. The plain setting's own row is what two draws of one law are apart at this number of outputs.
    """
    encoders: dict[str, tuple[Encode, str]] = {}
    if (encode := _own_encoder(setting)) is not None:
        encoders[measures.FRECHET] = (encode, "squared chord (features of norm 1)")
    if setting.options.inception is not None:
        inception = InceptionFeatures(Path(setting.options.inception))
        encoders[measures.FRECHET_INCEPTION] = (inception.features, "squared Inception units")
    reference = {prompt: _whole(setting.plain(prompt, stream=Stream.SELECTION)) for prompt in measured}
    made = {prompt: _whole(outputs) for prompt, outputs in measured.items()}
    for measure, (encode, unit) in encoders.items():
        features = {prompt: encode(pictures) for prompt, pictures in reference.items()}
        value = frechet_distance(encode(_joined(made)), np.concatenate(list(features.values())))
        yield FidelityRow(**named, measure=measure, unit=unit, value=value, samples=_size(made))
        if named["setting"] == PLAIN and measure == measures.FRECHET and len(features) > 1:
            halves = list(features.values())[::2], list(features.values())[1::2]
            apart = frechet_distance(np.concatenate(halves[0]), np.concatenate(halves[1]))
            yield FidelityRow(
                **named, measure=measures.FRECHET_OF_PROMPTS, unit=unit, value=apart, samples=_size(reference)
            )
    if setting.loaded.classifier is not None:
        yield from _named_in_prompts(setting, setting.loaded.classifier, measured, named)
    if setting.options.clip is not None:
        clip = ClipScore(setting.options.clip)
        scores = np.concatenate([clip.scores(prompt, pictures) for prompt, pictures in made.items()])
        yield FidelityRow(
            **named,
            measure=measures.CLIP_SCORE,
            unit="100 × cosine",
            value=float(scores.mean()),
            samples=len(scores),
        )


def _named_in_prompts(
    setting: Setting, classifier: Classifier, measured: Mapping[str, Sequence[Output]], named: Mapping[str, str]
) -> Iterator[FidelityRow]:
    agreed = in_prompt = total = 0
    for prompt, outputs in measured.items():
        pairs: list[tuple[Any, Any]] = [
            (mine.content, plain.content)
            for mine, plain in zip(outputs, setting.plain(prompt), strict=True)
            if not isinstance(mine, Failure) and not isinstance(plain, Failure)
        ]
        if not pairs:
            continue
        names = classifier.verdicts([mine for mine, _ in pairs])
        plain_names = classifier.verdicts([plain for _, plain in pairs])
        agreed += sum(one == other for one, other in zip(names, plain_names, strict=True))
        words = set(prompt.lower().split())
        in_prompt += sum(set(name.lower().split()) <= words for name in names)
        total += len(outputs)  # a failed output agrees with nothing
    if not total:
        return
    for measure, count in ((measures.AGREEMENT, agreed), (measures.ACCURACY, in_prompt)):
        share = share_of(count, total, setting.options.alpha)
        yield FidelityRow(
            **named,
            measure=measure,
            unit="share of outputs",
            value=share.value,
            low=share.low,
            high=share.high,
            alpha=setting.options.alpha,
            samples=total,
        )


def _own_encoder(setting: Setting) -> Encode | None:
    """Returns our feature space: the model's classifier, else the vision model that the setting's metric names."""
    if setting.loaded.classifier is not None:
        return setting.loaded.classifier.features
    if isinstance(setting.spec.metric, VisionChord):
        return setting.loaded.vision(setting.spec.metric.model).features
    return None


def _whole(outputs: Sequence[Output]) -> list[Any]:
    found = [output.content for output in outputs if not isinstance(output, Failure)]
    if not found:
        raise InvalidParameters(
            f"all {len(outputs)} outputs of a prompt failed; nothing can be measured", field="prompts"
        )
    return found


def _joined(by_prompt: Mapping[str, Sequence[Any]]) -> list[Any]:
    return [picture for pictures in by_prompt.values() for picture in pictures]


def _size(by_prompt: Mapping[str, Sequence[Any]]) -> int:
    return sum(map(len, by_prompt.values()))
