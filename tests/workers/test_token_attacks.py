"""Certificates of mechanism tokens under attack: embeddings at 0.99 of the radius, more than half of them past planes
to other rows, sent as a request sends them. `python -m benchmarks.token_attacks` is the long form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from smoothgen.tokens import Neighbours, nearest_sequences
from tests.support.workers.token_attacks import AttackedPrompt, tokens_job
from workers.generators import Generator, snapping
from workers.generators.language.adapter import LanguageModel

TRIES = 200
OF_RADIUS = 0.99
FIRST_LINE = {"name": "label", "extract": {"kind": "first_line"}}
PROMPTS = ("The capital", "Water boils", "A triangle has")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These tests make many small calls: threads that wait for one another take longer than one alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def attacked(model: LanguageModel, prompt: str, *, tolerance: float, samples: int = 100) -> AttackedPrompt:
    job = tokens_job(prompt, metric="edit", samples=samples, tolerance=tolerance, parameters={"max_new_tokens": 6})
    return AttackedPrompt(model, job)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_attack_leaves_what_is_certified(llama: LanguageModel, prompt: str) -> None:
    target = attacked(llama, prompt, tolerance=0.9)
    tally = target.attacked(target.attacks(TRIES, OF_RADIUS * target.certificate.radius, seed=1))
    assert tally.tries == TRIES
    assert tally.left >= TRIES / 2
    assert tally.beyond == tally.unlisted == 0
    assert len(tally.read) > 20
    assert 0 < tally.furthest <= target.certificate.w1_bound(OF_RADIUS * target.certificate.radius) <= 0.9


@pytest.mark.parametrize("prompt", PROMPTS)
def test_below_the_nearest_sequence_nothing_changes(llama: LanguageModel, prompt: str) -> None:
    target = attacked(llama, prompt, tolerance=0.1)
    assert target.certificate.radius == pytest.approx(target.certificate.keeps[0].radius)
    tally = target.attacked(target.attacks(TRIES, OF_RADIUS * target.certificate.radius, seed=2))
    assert (tally.left, tally.beyond, tally.furthest) == (0, 0, 0.0)


def test_the_default_model_keeps_paris(smollm2: Generator) -> None:
    assert isinstance(smollm2, LanguageModel)
    parameters = {"max_new_tokens": 4}
    job = tokens_job("The capital of France is", metric=FIRST_LINE, samples=4, parameters=parameters)
    target = AttackedPrompt(smollm2, job)
    sent = target.attacks(24, OF_RADIUS * target.certificate.radius, seed=3)
    read = target.snapped(sent)
    tally = target.attacked(sent, read)
    assert tally.left >= 12
    assert tally.beyond == tally.unlisted == 0
    assert len(tally.read) > 2
    for embeddings, ids in list(zip(sent, read, strict=True))[::12]:  # a snap of its own takes half a second
        assert target.read(embeddings).tokens == ids


def with_costs_doubled(found: Neighbours) -> Neighbours:
    return replace(found, costs=found.costs * 2, next_cost=found.next_cost * 2)


def without_the_nearest(found: Neighbours) -> Neighbours:
    return replace(found, costs=found.costs[1:], changes=found.changes[1:])


@pytest.mark.parametrize(("mutant", "tolerance"), [(with_costs_doubled, 0.9), (without_the_nearest, 0.1)])
def test_attacks_catch_a_wrong_list(
    llama: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[Neighbours], Neighbours],
    tolerance: float,
) -> None:
    """The attacks know the true list; the certificate comes from the wrong one."""
    target = attacked(llama, "A triangle has", tolerance=tolerance)
    with monkeypatch.context() as patched:
        patched.setattr(snapping, "nearest_sequences", lambda *given: mutant(nearest_sequences(*given)))
        target.certificate = attacked(llama, "A triangle has", tolerance=tolerance).certificate
    tally = target.attacked(target.attacks(TRIES // 4, OF_RADIUS * target.certificate.radius, seed=1))
    assert tally.beyond > TRIES / 40
