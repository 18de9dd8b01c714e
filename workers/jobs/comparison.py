"""Comparing prompts with a certificate: embeds them, and says what the certificate claims of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Certificate
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.covers import Cover, covers
from smoothgen.contracts import Covers, CoversCall, JobSpec, Note, PromptCover
from smoothgen.errors import InvalidInput, InvalidParameters
from smoothgen.mechanisms import SynonymClasses
from smoothgen.synonyms import Partition
from workers.generators import Condition, Generator, Templated, Tokenizing
from workers.generators.vocabulary import note_on_split
from workers.jobs.sampling import condition_of

_NOTHING_MOVES = {"ball_bound": 0.0, "prompt_bound": 0.0, "universal_bound": 0.0, "w1_bound": 0.0}

Embedded = Condition | str
"""A prompt as the generator sees it, or why it cannot."""


class Embedding:
    """The original prompt and the others, each embedded alone as a job's prompt is."""

    def __init__(self, asked: JobSpec, generator: Generator) -> None:
        self._asked, self._generator = asked, generator

    def __call__(self, prompts: Sequence[str]) -> tuple[Condition, list[Embedded]]:
        """Returns the original and the others, in order. Raises InvalidInput where the original cannot be embedded."""
        original = condition_of(self._asked, self._generator)
        return original, [self._other(prompt, original) for prompt in prompts]

    def _other(self, prompt: str, original: Condition) -> Embedded:
        request = self._asked.request.model_copy(update={"prompt": prompt})
        asked = self._asked.model_copy(update={"request": request})
        try:
            if original.template is not None and isinstance(self._generator, Templated):
                # Raises where the chat template cannot be set around this prompt. Where it can, the prompt is compared
                # in the original's rendering, since a template with a clock would read otherwise now.
                self._generator.rendered(prompt, asked.parameters)
            condition = condition_of(asked, self._generator, template=original.template)
        except InvalidInput as error:
            return str(error)
        return replace(condition, notes=(*condition.notes, *self._on_words(prompt)))

    def _on_words(self, prompt: str) -> list[Note]:
        """Returns the notes on words that the model's tokenizer splits. A job has none on these: they are common, and
        matter where two texts are compared."""
        given = getattr(self._asked.parameters, "prompt_embeds", None) is not None  # the prompt is then a label
        if given or not isinstance(self._generator, Tokenizing):
            return []
        return note_on_split(self._generator.tokenizer, prompt)


def compared(certificate: Certificate, call: CoversCall, conditions: tuple[Condition, list[Embedded]]) -> Covers:
    """Returns the answer. Raises InvalidAlpha where the confidence asked is out of range for so many prompts."""
    original, others = conditions
    alpha = _alpha(certificate, call)
    answers = [_incomparable(prompt, original, other) for prompt, other in zip(call.prompts, others, strict=True)]
    left = [k for k, answer in enumerate(answers) if answer is None]
    deltas = [_shift(original, others[k]) for k in left]
    # By the number asked, comparable or not: the split is fixed before any prompt is embedded.
    found = covers(certificate, deltas, alpha=alpha / len(call.prompts))
    for k, one in zip(left, found, strict=True):
        answers[k] = _answer(call.prompts[k], one, others[k])
    whole = [answer for answer in answers if answer is not None]
    return _covers_answer(certificate, call, whole, _statement(certificate, complement(alpha), found), found)


def by_class(certificate: Certificate, mechanism: SynonymClasses, call: CoversCall, original: str) -> Covers:
    """Returns the answer where the noise draws words from the classes of a partition. No model is needed.

    Swaps inside the classes change nothing at all. Of other texts such a certificate says nothing: their variants are
    not those of the original, and no one shift leads from these to those. Raises UnknownName, InvalidParameters for a
    partition not known here.
    """
    partition = Partition.load(mechanism.partition)
    if partition.digest != mechanism.digest:
        raise InvalidParameters(
            f"the certificate's partition is {mechanism.digest}, and partition {mechanism.partition!r} here is "
            f"{partition.digest}; ask for a new certificate"
        )
    answers = [
        PromptCover(prompt=prompt, comparable=True, same_class=True, distance=0.0, inside=True, **_NOTHING_MOVES)
        if partition.same_class(original, prompt)
        else PromptCover(
            prompt=prompt,
            comparable=False,
            same_class=False,
            reason="it differs from the certificate's prompt by more than swaps inside the partition's classes",
        )
        for prompt in call.prompts
    ]
    statement = (
        "Prompts that differ by swaps inside the classes of the partition have one distribution of outputs: that "
        "follows from how the words are drawn, with no probability of failure."
    )
    return _covers_answer(certificate, call, answers, statement)


def _alpha(certificate: Certificate, call: CoversCall) -> float:
    return certificate.alpha if call.confidence is None else complement(call.confidence)


def _covers_answer(
    certificate: Certificate,
    call: CoversCall,
    answers: list[PromptCover],
    statement: str,
    found: Sequence[Cover] = (),
) -> Covers:
    return Covers(
        certificate=call.certificate,
        radius=certificate.radius,
        norm=_norm(certificate),
        confidence=complement(_alpha(certificate, call)),
        samples=max((one.samples for one in found), default=0),
        statement=statement,
        answers=answers,
    )


def _incomparable(prompt: str, original: Condition, other: Embedded) -> PromptCover | None:
    """Returns the answer for a prompt no attack of the certificate's kind can lead to; None for any other."""
    if isinstance(other, str):
        reason = other
    elif "prompt" in original.held_fixed:
        reason = f"this certificate is about the {original.attack_on}, and holds the prompt fixed"
    elif original.embedding.shape != other.embedding.shape or original.held_fixed != other.held_fixed:
        here, there = (
            f"{'×'.join(map(str, c.embedding.shape))} numbers, with {', '.join(c.held_fixed) or 'nothing'} held fixed"
            for c in (original, other)
        )
        reason = (
            f"the certificate's prompt is {here}, this one {there}; the certificate speaks of prompts that differ in "
            f"the {original.attack_on} alone"
        )
    else:
        return None
    return PromptCover(prompt=prompt, comparable=False, reason=reason, notes=notes_on(other))


def notes_on(other: Embedded) -> list[Note] | None:
    """Returns the notes on the prompt. It may lie inside the ball only because the model knows none of its words."""
    return None if isinstance(other, str) else list(other.notes) or None


def _shift(original: Condition, other: Embedded) -> NDArray[np.float64]:
    if isinstance(other, str):
        raise TypeError("a prompt that was not embedded has no shift")
    return other.embedding.astype(np.float64) - original.embedding


def _answer(prompt: str, found: Cover, other: Embedded) -> PromptCover:
    return PromptCover(
        prompt=prompt,
        comparable=True,
        distance=found.distance,
        inside=found.inside,
        ball_bound=found.ball_bound,
        prompt_bound=found.prompt_bound,
        universal_bound=found.universal_bound,
        w1_bound=found.w1_bound,
        notes=notes_on(other),
    )


def _norm(certificate: Certificate) -> str:
    threat = certificate.provenance.threat
    return f"{certificate.mechanism.norm} norm of the {threat.attack_on if threat is not None else 'embedding'}"


def _both(one: float, other: float) -> float:
    """Returns the confidence with which two statements hold together: 1 − (1 − one) − (1 − other)."""
    return max(0.0, float(Decimal(repr(one)) + Decimal(repr(other)) - 1))


def _statement(certificate: Certificate, confidence: float, found: Sequence[Cover]) -> str:
    said = [
        f"ball_bound and universal_bound hold with the certificate's confidence, {certificate.confidence!r}.",
        f"All prompt_bounds hold together with confidence {confidence!r} of their own, over the samples the "
        "certificate was made with: for prompts chosen without looking at those samples, neither at their noise, whose "
        "seed the certificate publishes, nor at their distances, its radius or its curve. Every further question has "
        "a failure probability of its own.",
        f"w1_bound, the least of them, holds with confidence {_both(certificate.confidence, confidence)!r}: it fails "
        "where either of them does.",
        "Like the certificate, they are about prompts that change nothing else than what is attacked.",
    ]
    if any(one.selected_sigma_may_differ for one in found):
        said.append(
            "The certificate's sigma was selected by its prompt. Beyond the radius of that selection another prompt "
            "may be served with another sigma: its prompt_bound then speaks of it under the certificate's sigma, and "
            "w1_bound does not use it."
        )
    return " ".join(said)
