"""Notes on a job's samples and certificate. An empty or missing answer is easily stable, and a reader must be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smoothgen.certificates import Abstention, Certificate
from smoothgen.contracts import JobSpec, Note, NoteCode
from workers.distances import OutputMetric
from workers.distances.label import LabelMetric
from workers.generators import Failure, Made, Picture, Text


def notes_of(spec: JobSpec, metric: OutputMetric, outputs: Sequence[Made | Failure], served: Made) -> list[Note]:
    """Returns the notes on a selection's outputs.

    Each says of how many selection samples it is true, and whether it is true of the output served. outputs: one for
    each of `samples_to_draw`.
    """
    robustness = spec.request.robustness
    several = robustness.tier == "request" and (spec.noised or spec.units is not None)
    selection = outputs[: robustness.selection_samples] if several else ()

    def noted(code: NoteCode, is_true: Callable[[Made], bool], said: str) -> list[Note]:
        affected = sum(not isinstance(output, Failure) and is_true(output) for output in selection)
        of_served = is_true(served)
        if not affected and not of_served:
            return []
        count = len(selection)
        where = [f"{affected} of {count} selection sample{'' if count == 1 else 's'}"] if count else []
        where += ["the output served"] if of_served else []
        return [Note(code=code, detail=f"{' and '.join(where)} {said}")]

    return [
        *noted(
            "empty_output",
            _is_empty,
            "said nothing: the text is empty. Silence that stays silence is not an answer that is robust.",
        ),
        *noted(
            "no_answer",
            lambda output: _has_no_answer(output, metric),
            "gave no answer: the extraction rule found none. Where the certificate's answer is none, it says that "
            "there stays none.",
        ),
        *noted(
            "truncated",
            lambda output: isinstance(output, Text) and not output.ended,
            "stopped at max_new_tokens, not by the model's own end: what would have followed is neither served nor "
            "certified.",
        ),
        *noted(
            "beyond_the_answer",
            lambda output: spec.units is not None and _says_more(output, metric),
            "say more than the answer. The certificate is about the answer alone: the rest is what a single run said, "
            "and may be an attacker's words.",
        ),
        *noted(
            "safety_checker",
            lambda output: isinstance(output, Picture) and output.withheld,
            "is a black picture that the model's safety checker put in its place. Black pictures are equal to each "
            "other, so a small distance between them and a large radius say nothing about the model.",
        ),
    ]


def note_on_certificate(outcome: Certificate | Abstention, without: Certificate | Abstention) -> list[Note]:
    """Returns the note on a certificate whose samples proved no more than `without`, the certificate of no sample.

    Compared is the bound at the epsilon that was asked or, without one, the radius.
    """
    if not isinstance(outcome, Certificate) or not outcome.evidence.samples or not isinstance(without, Certificate):
        return []
    if outcome.epsilon is None:
        nothing, said = outcome.radius <= without.radius, f"the radius {outcome.radius!r}"
    else:
        nothing = outcome.claims.w1_bound >= without.claims.w1_bound
        said = f"the bound {outcome.claims.w1_bound!r} at epsilon {outcome.epsilon!r}"
    if not nothing:
        return []
    count = outcome.evidence.samples
    return [
        Note(
            code="samples_added_nothing",
            detail=f"{count} of {count} certification samples added nothing: {said} is what holds for any generator "
            "under this noise, whatever it is asked and says. More samples may prove more where the outputs hardly "
            "spread; where they do, a smaller sigma, another metric or another prompt.",
        )
    ]


def notes_on_scores(certificate: Certificate) -> list[Note]:
    """Returns a note for each claim of which samples have no score though the model gave an output."""
    samples, lost = certificate.evidence.samples, certificate.evidence.failed
    return [
        Note(
            code="unscored",
            detail=f"score {claim.asked.score.name!r} of claim {place} could not be computed for "
            f"{claim.evidence.failed} of {samples} samples, {lost} of which the model itself failed at; they count as "
            "the worst value.",
        )
        for place, claim in enumerate(certificate.score_claims, start=1)
        if claim.evidence.failed > lost
    ]


def note_on_fall_back(drawn: int, planned: int) -> Note:
    """Returns the note on a certificate that holds without samples, of a job that stopped drawing them for that."""
    return Note(
        code="samples_added_nothing",
        detail=f"sampling stopped after {drawn} of {planned} certification samples, which scatter so much that the "
        "others could hardly add anything: the certificate is what holds for any generator under this noise, whatever "
        "it is asked and says. A smaller sigma, another metric or another prompt may prove more.",
    )


def _is_empty(output: Made) -> bool:
    return isinstance(output, Text) and not output.text.strip()


def _says_more(output: Made, metric: OutputMetric) -> bool:
    if not isinstance(output, Text) or not isinstance(metric, LabelMetric):
        return False
    [label] = metric.labels([output.content])
    return output.text.strip() != (label or "")


def _has_no_answer(output: Made, metric: OutputMetric) -> bool:
    return isinstance(output, Text) and isinstance(metric, LabelMetric) and metric.labels([output.content]) == [None]
