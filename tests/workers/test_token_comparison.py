"""What is answered to prompts held against a certificate of mechanism tokens, on a tiny language model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothgen.certificates import ExhaustiveCertificate, certify_exhaustive, read_certificate
from smoothgen.contracts import MOST_PROMPTS, Covers, JobSpec, Output, TextOutput
from smoothgen.errors import Conflict
from smoothgen.tokens import Neighbourhoods, cost_of, nearest_sequences
from tests.support.workers.jobs import metric_of, run, spec
from tests.workers.test_comparing import call
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.token_rows import token_table
from workers.jobs.token_comparison import compared_tokens

PROMPT = "the the capital"
"""A token stands twice, so sequences cost the same in pairs."""


def job(prompt: str = PROMPT, samples: int = 400, chat: bool = False, tolerance: float = 0.98) -> JobSpec:
    return spec(
        prompt,
        sigma=1.0,
        metric="edit",
        tolerance=tolerance,
        samples=samples,
        mechanism="tokens",
        parameters={"max_new_tokens": 4, "chat": chat},
    )


def certified(asked: JobSpec, model: LanguageModel) -> ExhaustiveCertificate:
    document = run(asked, model).certificate
    assert document is not None
    made = read_certificate(document)
    assert isinstance(made, ExhaustiveCertificate)
    return made


@pytest.fixture(scope="module")
def real(llama: LanguageModel) -> ExhaustiveCertificate:
    return certified(job(), llama)


@pytest.fixture(scope="module")
def made(real: ExhaustiveCertificate, ids: list[int], neighbourhoods: Neighbourhoods) -> ExhaustiveCertificate:
    """The real certificate with 300 runs, and a distance of its own for each."""
    listed = nearest_sequences(neighbourhoods, ids, 300)
    longer = certify_exhaustive(
        [0.0, *listed.costs],
        [0.0, *np.random.default_rng(4).permutation(np.linspace(0.0, 0.5, 200)), *np.linspace(0.9, 1.0, 100)],
        diameter=1.0,
        tolerance=0.6,
        next_cost=listed.next_cost,
        threat=real.threat,
        provenance=real.provenance,
    )
    assert isinstance(longer, ExhaustiveCertificate)
    return longer


@pytest.fixture(scope="module")
def ids(llama: LanguageModel) -> list[int]:
    return list(llama.tokenizer(PROMPT, add_special_tokens=False)["input_ids"])


@pytest.fixture(scope="module")
def neighbourhoods(llama: LanguageModel) -> Neighbourhoods:
    return Neighbourhoods(token_table(llama.network, llama.tokenizer))


def answered(made: ExhaustiveCertificate, llama: LanguageModel, *prompts: str, asked: JobSpec | None = None) -> Covers:
    return compared_tokens(made, asked or job(), llama, call(*prompts))


def text_of(output: Output | None) -> str:
    assert isinstance(output, TextOutput)
    return output.text


def typed(llama: LanguageModel, ids: list[int]) -> str | None:
    """The text of a sequence, None where a tokenizer would read it as another."""
    text = str(llama.tokenizer.decode(ids))
    return text if llama.tokenizer(text, add_special_tokens=False)["input_ids"] == ids else None


def test_prompts_that_were_run_have_the_distance_of_their_own_run(
    made: ExhaustiveCertificate, llama: LanguageModel, ids: list[int], neighbourhoods: Neighbourhoods
) -> None:
    listed = nearest_sequences(neighbourhoods, ids, made.evidence.runs - 1)
    texts = {k + 1: text for k in range(made.evidence.runs - 1) if (text := typed(llama, listed.ids(k)))}
    ranks = list(texts)[-MOST_PROMPTS:]
    costs = made.evidence.costs[ranks].tolist()
    assert len(set(costs)) < len(costs) == MOST_PROMPTS
    covers = answered(made, llama, *(texts[k] for k in ranks))
    assert (covers.confidence, covers.samples, covers.radius) == (1.0, 0, made.radius)
    assert covers.norm == "l2 norm of the token embeddings of the prompt"
    for k, answer in zip(ranks, covers.answers, strict=True):
        assert (answer.comparable, answer.rank) == (True, k)
        cost, distance = float(made.evidence.costs[k]), float(made.evidence.distances[k])
        assert answer.distance == cost
        assert answer.prompt_bound == pytest.approx(distance, rel=1e-8)
        assert answer.prompt_bound >= distance
        assert answer.ball_bound == made.w1_bound(cost)
        assert answer.w1_bound == min(answer.prompt_bound, answer.ball_bound)
        assert answer.inside == (cost < made.radius)


def test_a_prompt_bound_is_how_far_the_answer_to_the_typed_prompt_lies(
    real: ExhaustiveCertificate, llama: LanguageModel, ids: list[int], neighbourhoods: Neighbourhoods
) -> None:
    listed = nearest_sequences(neighbourhoods, ids, real.evidence.runs - 1)
    texts = [text for k in range(real.evidence.runs - 1) if (text := typed(llama, listed.ids(k)))]
    assert len(texts) > 3
    metric = metric_of(job())
    own, *others = (run(job(text, samples=1), llama).output for text in [PROMPT, *texts])
    centre = metric.choose_centre([text_of(own)])
    for answer, output in zip(answered(real, llama, *texts).answers, others, strict=True):
        [distance] = metric.distances([text_of(output)], centre)
        assert answer.prompt_bound == pytest.approx(float(distance), rel=1e-6)


def test_the_prompt_itself_and_what_reads_as_it(made: ExhaustiveCertificate, llama: LanguageModel) -> None:
    [same] = answered(made, llama, PROMPT).answers
    assert (same.rank, same.distance, same.inside) == (0, 0.0, True)
    assert (same.ball_bound, same.prompt_bound, same.universal_bound, same.w1_bound) == (0.0, 0.0, 0.0, 0.0)


def test_beyond_what_was_run_nothing_is_known(
    made: ExhaustiveCertificate, llama: LanguageModel, ids: list[int], neighbourhoods: Neighbourhoods
) -> None:
    far = "gh@ ~of#"
    others = llama.tokenizer(far, add_special_tokens=False)["input_ids"]
    while len(others) != len(ids):
        far = far[:-1] if len(others) > len(ids) else far + "@"
        others = llama.tokenizer(far, add_special_tokens=False)["input_ids"]
    [one] = answered(made, llama, far).answers
    cost = cost_of(neighbourhoods, ids, others)
    end = made.evidence.next_cost
    assert end is not None
    assert cost > end
    assert (one.comparable, one.rank, one.inside, one.prompt_bound, one.distance) == (True, None, False, None, cost)
    assert one.ball_bound == one.universal_bound == one.w1_bound == made.evidence.diameter
    assert one.reason == (
        f"it is reached only by attacks of l2 norm at least {cost!r}, and no sequence was run from {end!r} on"
    )


def test_other_numbers_of_tokens_and_markers_are_not_compared(
    made: ExhaustiveCertificate, llama: LanguageModel
) -> None:
    longer, marker = answered(made, llama, PROMPT + " of", "<|im_end|> the").answers
    assert (longer.comparable, longer.distance, longer.w1_bound) == (False, None, None)
    assert "no l2 attack inserts or deletes a token" in str(longer.reason)
    assert not marker.comparable
    assert made.threat is not None
    assert f"the certificate's prompt has {made.threat.tokens} tokens" in str(longer.reason)


def test_a_list_of_other_last_digits_names_no_run(
    made: ExhaustiveCertificate, llama: LanguageModel, ids: list[int], neighbourhoods: Neighbourhoods
) -> None:
    listed = nearest_sequences(neighbourhoods, ids, made.evidence.runs - 1)
    k, text = next((k + 1, text) for k in range(len(listed.costs)) if (text := typed(llama, listed.ids(k))))
    evidence = made.evidence
    costs = evidence.costs * (1 + 2.0**-52)
    elsewhere = replace(made, evidence=replace(evidence, costs=costs))
    [one] = answered(elsewhere, llama, text).answers
    assert (one.comparable, one.rank, one.prompt_bound) == (True, None, None)
    assert one.ball_bound == made.w1_bound(float(evidence.costs[k]))  # its own run counts, whichever digits it has


def test_a_token_that_the_snap_never_takes_is_reached_by_no_attack(
    made: ExhaustiveCertificate, llama: LanguageModel, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest row of a prompt's token is excluded: another prompt has it, and lies nearer than what was run."""
    listed = nearest_sequences(Neighbourhoods(token_table(llama.network, llama.tokenizer)), ids, 300)
    text, changes = next((t, listed.changes[k]) for k in range(300) if (t := typed(llama, listed.ids(k))))
    [(_, token)] = changes
    table = token_table(llama.network, llama.tokenizer)
    excluded = set(range(len(table.rows))) - set(table.targets.tolist()) | {token}
    narrower = Neighbourhoods(type(table)(table.rows, excluded))
    monkeypatch.setattr(llama._snapping, "_neighbourhoods", narrower, raising=False)
    again = certified(job(), llama)
    [one] = answered(again, llama, text).answers
    assert (one.comparable, one.w1_bound) == (False, None)
    assert "never takes" in str(one.reason)


def test_another_table_is_a_conflict(made: ExhaustiveCertificate, llama: LanguageModel) -> None:
    assert made.threat is not None
    for threat in (replace(made.threat, table="sha256:" + "0" * 64), replace(made.threat, tokens=1), None):
        with pytest.raises(Conflict, match="ask for a new certificate"):
            answered(replace(made, threat=threat), llama, PROMPT)


def test_prompts_stand_in_the_certificates_chat_template(llama: LanguageModel) -> None:
    asked = job(chat=True, samples=20)
    made = certified(asked, llama)
    same, longer = answered(made, llama, PROMPT, PROMPT + " of", asked=asked).answers
    assert (same.rank, same.w1_bound, longer.comparable) == (0, 0.0, False)
    request = made.provenance.request
    assert request is not None
    other = replace(made, provenance=replace(made.provenance, request=replace(request, template="sha256:other")))
    [one] = answered(other, llama, PROMPT, asked=asked).answers
    assert not one.comparable
    assert "reads otherwise now" in str(one.reason)


def test_a_failed_run_lies_at_the_diameter(
    made: ExhaustiveCertificate, llama: LanguageModel, ids: list[int], neighbourhoods: Neighbourhoods
) -> None:
    listed = nearest_sequences(neighbourhoods, ids, made.evidence.runs - 1)
    k, text = next((k + 1, text) for k in range(len(listed.costs)) if (text := typed(llama, listed.ids(k))))
    distances = made.evidence.distances.copy()
    distances[k] = np.inf
    failing = replace(made, evidence=replace(made.evidence, distances=distances))
    [one] = answered(failing, llama, text).answers
    assert (one.rank, one.prompt_bound, one.w1_bound) == (k, 1.0, 1.0)
    assert "the model failed on it" in str(one.reason)


def test_a_certificate_without_limit_has_no_radius(llama: LanguageModel, made: ExhaustiveCertificate) -> None:
    covers = answered(replace(made, claims=replace(made.claims, radius=np.inf)), llama, PROMPT)
    assert covers.radius is None
    assert Covers.model_validate_json(covers.model_dump_json(exclude_none=True)) == covers
