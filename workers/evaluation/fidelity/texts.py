"""Fidelity of texts: perplexity under the unprotected model, BLEU, and agreement with the plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smoothgen.studies import measures
from smoothgen.studies.measures import PLAIN
from smoothgen.studies.rows import FidelityRow
from workers.distances.label import LabelMetric
from workers.evaluation.fidelity.bleu import bleu
from workers.evaluation.fidelity.drawn import Setting
from workers.evaluation.fidelity.perplexity import Surprise, surprise
from workers.evaluation.fidelity.shares import share_of
from workers.evaluation.outputs import Output
from workers.generators import Failure
from workers.generators.language.adapter import LanguageModel


def text_rows(
    setting: Setting, measured: Mapping[str, Sequence[Output]], named: Mapping[str, str]
) -> Iterator[FidelityRow]:
    """Yields the rows of texts. measured: the setting's outputs by prompt. named: study, model and setting of rows."""
    plain = {prompt: setting.plain(prompt) for prompt in measured}
    yield from _perplexity(setting, measured, plain, named)
    yield from _bleu(setting, measured, plain, named)
    total = sum(map(len, measured.values()))
    pairs = [(mine, other) for prompt in measured for mine, other in zip(measured[prompt], plain[prompt], strict=True)]
    metric = setting.loaded.metric(setting.spec.metric)
    if isinstance(metric, LabelMetric):
        answers, others = (metric.labels([_text(pair[side]) for pair in pairs]) for side in (0, 1))
        agreed, unit = sum(a == b for a, b in zip(answers, others, strict=True)), "share of outputs with its answer"
    else:
        agreed, unit = sum(_text(a) == _text(b) for a, b in pairs), "share of outputs equal to it"
    share, alpha = share_of(agreed, total, setting.options.alpha), setting.options.alpha
    yield FidelityRow(
        **named,
        measure=measures.AGREEMENT,
        unit=unit,
        value=share.value,
        low=share.low,
        high=share.high,
        alpha=alpha,
        samples=total,
    )


def _perplexity(
    setting: Setting,
    measured: Mapping[str, Sequence[Output]],
    plain: Mapping[str, Sequence[Output]],
    named: Mapping[str, str],
) -> Iterator[FidelityRow]:
    """Yields the perplexity of the outputs and its increase over the plain outputs', both under the plain model."""
    generator = setting.loaded.generator
    if not isinstance(generator, LanguageModel):
        return

    def of(by_prompt: Mapping[str, Sequence[Output]]) -> Surprise:
        found = Surprise()
        for prompt, outputs in by_prompt.items():
            found += surprise(generator.network, generator.tokenizer, prompt, [_text(output) for output in outputs])
        return found

    mine, other = of(measured), of(plain)
    if mine.perplexity is None or other.perplexity is None:
        return
    common = {**named, "samples": sum(map(len, measured.values()))}
    yield FidelityRow(**common, measure=measures.PERPLEXITY, unit="per token", value=mine.perplexity)
    if named["setting"] != PLAIN:
        increase = 100 * (mine.perplexity / other.perplexity - 1)
        yield FidelityRow(**common, measure=measures.PERPLEXITY_INCREASE, unit="%", value=increase)


def _bleu(
    setting: Setting,
    measured: Mapping[str, Sequence[Output]],
    plain: Mapping[str, Sequence[Output]],
    named: Mapping[str, str],
) -> Iterator[FidelityRow]:
    """Yields BLEU against what people wrote and what the plain model answers to paraphrases, where a plan gives either,
    and against the plain output."""
    options = setting.options
    of_people: dict[str, list[str]] = {}
    for prompt in measured:
        answers = [_text(setting.plain(other)[0]) for other in options.paraphrases.get(prompt, ())]
        of_people[prompt] = [*options.references.get(prompt, ()), *filter(None, answers)]
    kinds = {
        measures.BLEU: of_people,
        measures.BLEU_PLAIN: {prompt: [_text(outputs[0])] for prompt, outputs in plain.items()},
    }
    for measure, references in kinds.items():
        pairs = [(_text(o), references[p]) for p in measured for o in measured[p] if references[p] and references[p][0]]
        if pairs:
            texts, given = zip(*pairs, strict=True)
            yield FidelityRow(
                **named, measure=measure, unit="0 to 100, sacrebleu", value=bleu(texts, given), samples=len(pairs)
            )


def _text(output: Output) -> str:
    """Returns what an output says; a failed one says nothing."""
    return "" if isinstance(output, Failure) else str(output.content)
