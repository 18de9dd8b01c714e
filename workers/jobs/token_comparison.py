"""Comparing prompts with an exhaustive certificate: which of its runs reads as the prompt, and how far it lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smoothgen.certificates import ExhaustiveCertificate
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.contracts import Covers, CoversCall, JobSpec, ListedNeighbours, PromptCover
from smoothgen.errors import Conflict
from smoothgen.tokens import cost_difference
from workers.generators import Condition, Generator, TokenSnap
from workers.jobs.comparison import Embedded, Embedding, notes_on
from workers.jobs.neighbour_runs import snap_of


def compared_tokens(
    certificate: ExhaustiveCertificate, asked: JobSpec, generator: Generator, call: CoversCall
) -> Covers:
    """Returns the answer. For the computing thread: it embeds the prompts and lists sequences, and generates nothing.

    Raises Conflict where the generator snaps to another table than the certificate's, InvalidInput where the
    certificate's own prompt cannot be embedded.
    """
    snap = snap_of(generator)
    original, others = Embedding(asked, generator)(call.prompts)
    reasons = [_incomparable(certificate, original, other) for other in others]
    costs = [
        0.0 if reason is not None or isinstance(other, str) else snap.cost(original, other)
        for reason, other in zip(reasons, others, strict=True)
    ]
    runs = ListedAgain(certificate, snap, original, costs)
    answers = [
        _answer(certificate, runs, prompt, other, cost)
        if reason is None and not isinstance(other, str)
        else PromptCover(prompt=prompt, comparable=False, reason=reason, notes=notes_on(other))
        for prompt, other, cost, reason in zip(call.prompts, others, costs, reasons, strict=True)
    ]
    return Covers(
        certificate=call.certificate,
        radius=None if np.isinf(certificate.radius) else certificate.radius,
        norm=f"l2 norm of the {original.attack_on}",
        confidence=certificate.confidence,
        samples=0,
        statement=_statement(certificate),
        answers=answers,
    )


class ListedAgain:
    """The beginning of a certificate's runs as token sequences, listed again: their selection is kept no longer.

    A list that does not cost what the certificate states, to the last bit, claims no run of its own. Nor does a
    sequence that costs nearly the same as one with other changes: another machine may have ordered the two otherwise.
    """

    def __init__(
        self, certificate: ExhaustiveCertificate, snap: TokenSnap, original: Condition, costs: Sequence[float]
    ) -> None:
        """costs: of the sequences that will be looked for. Raises Conflict."""
        self._snap, self._original = snap, original
        self._slack = cost_difference(original.embedding.shape[1])
        stated = certificate.evidence.costs[1:]
        wanted = [cost for cost in costs if stated.size and cost <= self.upper(float(stated[-1]))]
        self._runs = int(np.searchsorted(stated, self.upper(max(wanted, default=0.0)), side="right"))
        listed = snap.listed(original, self._runs + 1)  # the next one too: it may cost nearly the same
        _require_same_table(certificate, listed, original)
        self._costs, self._changes = listed.cost_array, listed.change_lists
        self._same = np.array_equal(self._costs[: self._runs], stated[: self._runs])

    def upper(self, cost: float) -> float:
        """Returns a cost that is at least what any other machine computes for the sequence."""
        return cost * (1 + self._slack)

    def place(self, other: Condition, cost: float) -> int | None:
        """Returns the place among the runs of the sequence that this prompt reads as, 0 for the certificate's own
        prompt; None where it is not there."""
        if np.array_equal(self._original.embedding, other.embedding):
            return 0
        for k in self._near(cost):
            if k < self._runs and np.array_equal(
                self._snap.changed(self._original, self._changes[k]).embedding, other.embedding
            ):
                return k + 1
        return None

    def sure(self, place: int) -> bool:
        """Returns whether the certificate's run at this place is of this sequence, whichever machine listed it."""
        if place == 0:
            return True
        same = self._rows_changed(place - 1)
        return self._same and all(self._rows_changed(k) == same for k in self._near(float(self._costs[place - 1])))

    def _near(self, cost: float) -> list[int]:
        near = np.abs(self._costs - cost) <= self._slack * cost
        return [int(k) for k in np.flatnonzero(near)]

    def _rows_changed(self, k: int) -> list[list[int]]:
        """Returns which rows a sequence exchanges: those that exchange the same cost the same on every machine, to the
        last bit, and every machine lists them by position."""
        return sorted(sorted((self._original.tokens[position], token)) for position, token in self._changes[k])


def _require_same_table(certificate: ExhaustiveCertificate, listed: ListedNeighbours, original: Condition) -> None:
    threat, table = certificate.threat, listed.threat["table"]
    if threat is None or (threat.table, threat.tokens) != (table, len(original.tokens)):
        stated = "no table" if threat is None else f"{threat.tokens} tokens of table {threat.table}"
        raise Conflict(
            f"the model reads the certificate's prompt as {len(original.tokens)} tokens of table {table} now, and the "
            f"certificate is about {stated}; ask for a new certificate"
        )


def _incomparable(certificate: ExhaustiveCertificate, original: Condition, other: Embedded) -> str | None:
    """Returns why no attack of the certificate's kind can lead to a prompt, None where one may."""
    if isinstance(other, str):
        return other
    request = certificate.provenance.request
    template = None if original.template is None else original.template.digest
    if request is not None and request.template != template:
        return (
            f"the chat template around the prompt reads otherwise now ({template}) than when the certificate was made "
            f"({request.template}), so the model would not see what its runs saw; ask for a new certificate"
        )
    # The turns before the prompt, where they are attacked too, are the same in both.
    ours, theirs = (_prompt_tokens(condition) for condition in (original, other))
    if ours != theirs:
        return f"the certificate's prompt has {ours} tokens, this one {theirs}; no l2 attack inserts or deletes a token"
    return None


def _prompt_tokens(condition: Condition) -> int:
    earlier = 0 if condition.template is None else len(condition.template.earlier_tokens)
    return len(condition.tokens) - earlier


def _answer(
    certificate: ExhaustiveCertificate, runs: ListedAgain, prompt: str, other: Condition, cost: float
) -> PromptCover:
    evidence, reached, place = certificate.evidence, runs.upper(cost), runs.place(other, cost)
    beyond = evidence.next_cost is not None and reached >= evidence.next_cost
    if place is None and not beyond:
        never = "no attack leads to it: it has a token that the snap of the certificate's prompt never takes"
        return PromptCover(prompt=prompt, comparable=False, reason=never, notes=notes_on(other))
    own: float | None = None
    reason: str | None = None
    if place is not None and runs.sure(place):
        own = min(round_up(float(evidence.distances[place])), evidence.diameter)
        if np.isinf(evidence.distances[place]):
            reason = "the model failed on it, which counts as the diameter"
    elif beyond:
        reason = (
            f"it is reached only by attacks of l2 norm at least {cost!r}, and no sequence was run from "
            f"{evidence.next_cost!r} on"
        )
    ball, universal = certificate.w1_bound(reached), 0.0 if place == 0 else evidence.diameter
    return PromptCover(
        prompt=prompt,
        comparable=True,
        reason=reason,
        distance=cost,
        rank=None if own is None else place,
        inside=reached < certificate.radius,
        ball_bound=ball,
        prompt_bound=own,
        universal_bound=universal,
        w1_bound=min(ball, universal, ball if own is None else own),
        notes=notes_on(other),
    )


def _statement(certificate: ExhaustiveCertificate) -> str:
    end = certificate.evidence.next_cost
    rest = "" if end is None else f" From norm {end!r} on no sequence was run, and the bound is the diameter."
    return (
        "distance is a norm below which no attack on these embeddings makes the model read that prompt; inside "
        "means strictly below the radius. ball_bound holds for every prompt that an attack of that norm can reach. "
        "prompt_bound is exact, but for rounding up: the model was run on the very tokens of that prompt, at place "
        f"rank of the certificate's runs, and this is how far its output lies.{rest} Nothing is sampled, so nothing "
        "here fails by chance. Like the certificate, all of it is given the generator's own randomness, and is about "
        "prompts of as many tokens: insertions and deletions are no such attacks."
    )
