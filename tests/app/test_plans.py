"""POST /plans: what a request would take and could prove. There is no worker here, and nothing is queued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from smoothgen import Abstention, Certificate, Gaussian, GaussianPerStep, LatentSchedule, certify, certify_universal
from smoothgen.certificates import LookPlan
from smoothgen.contracts import GenerateRequest, JobSpec, ModelCard, PartitionCard, PlanView
from smoothgen.edits import EditSet
from smoothgen.mechanisms import SynonymClasses
from smoothgen.planning.noise import planned_noise, planned_terms
from smoothgen.planning.plan import plan
from tests.app.conftest import NUMBERS, PAINTINGS, PICTURES, image_card, model_card, problem_of, register, request_body
from tests.support.processes import Redis

WORDS, STEEP = "words", "steep"
PARTITION = PartitionCard(name="words", version="3", digest="sha256:" + "c" * 64, classes=2, words=5)
READS_TOKENS = model_card(WORDS).model_copy(
    update={
        "mechanisms": ["tokens", "embedding", "edits", "passages", "words"],
        "default_mechanism": "tokens",
        "default_snapped_sigma": 0.25,
        "scores": ["length"],
        "synonyms": PARTITION,
    }
)
CONSTANT = {"constant": 0.1, "offset": 0.0, "factors": [0.1], "metric": "absolute"}
PROVEN = model_card(STEEP).model_copy(
    update={"lipschitz": CONSTANT, "scores": ["length", "pattern"], "differentiable": False}
)


@pytest.fixture(scope="module")
def served(redis: Redis) -> Iterator[TestClient]:
    register(redis, READS_TOKENS, PROVEN)
    with TestClient(create_app(Settings(redis_url=redis.url, max_samples=5000)), base_url="http://localhost") as client:
        yield client


def planned(api: TestClient, **changes: Any) -> PlanView:
    response = api.post("/plans", json=request_body(**changes))
    assert response.status_code == 200, response.text
    return PlanView.model_validate(response.json())


def of(**robustness: Any) -> dict[str, Any]:
    """The dotted changes of a request: of(sigma=2.0)."""
    return {f"robustness.{name}": value for name, value in robustness.items()}


def test_a_plan_is_the_job_that_would_be_queued_and_queues_none(api: TestClient, redis: Redis) -> None:
    before, keys = redis.stream_lengths(), redis.client.dbsize()
    view = planned(api)
    assert (redis.stream_lengths(), redis.client.dbsize()) == (before, keys)
    assert (view.mechanism, view.sigma, view.tolerance, view.metric) == ("embedding", 1.0, 0.2, {"name": "absolute"})
    assert (view.samples, view.looks, view.generations) == (500, [62, 500], 532)  # 62: where more may add nothing
    queued = api.post("/generate", json=request_body(), headers={"prefer": "respond-async"}).json()
    assert queued["progress"]["total"] == view.generations
    assert queued["model"] == view.model.model_dump()


def test_no_worker_no_speed(api: TestClient) -> None:
    view = planned(api)
    assert (view.workers, view.samples_a_second, view.seconds) == (0, None, None)
    assert view.noise is not None
    assert {each.seconds for each in view.noise.expected} == {None}
    assert [note.code for note in view.notes or []] == ["no_live_worker"]


@pytest.mark.parametrize("metric", ["absolute", {"name": "absolute", "cap": 0.5}, "label"])
def test_radii_are_those_of_certificates_of_such_samples(api: TestClient, metric: Any) -> None:
    metric = {"name": "label", "extract": {"kind": "number"}} if metric == "label" else metric
    view = planned(api, **of(metric=metric, samples=200))
    diameter, band = 1.0, "order-statistics/v1"
    if isinstance(metric, dict):
        diameter, band = (1.0, "two-valued/v1") if metric["name"] == "label" else (0.5, band)
    known: dict[str, Any] = {"mechanism": Gaussian(1.0), "diameter": diameter, "alpha": 1e-3, "tolerance": 0.2}
    universal = certify_universal(**known)
    assert view.noise is not None
    assert isinstance(universal, Certificate)
    assert view.noise.radius_without_samples == pytest.approx(universal.radius, rel=1e-9)
    assert [(each.bad_share, each.bad) for each in view.noise.expected] == [(0, 0), (0.01, 2), (0.05, 10), (0.2, 40)]
    for each in view.noise.expected:
        distances = [diameter] * each.bad + [0.0] * (200 - each.bad)
        certificate = certify(distances, bound=diameter, band=band, **known)
        assert isinstance(certificate, Certificate)
        assert each.radius == pytest.approx(certificate.radius, rel=1e-9)
    assert ("another answer" in view.noise.bad) == (band == "two-valued/v1")


def test_an_answer_that_is_to_be_kept_has_radii_of_its_own(api: TestClient) -> None:
    label = {"name": "label", "extract": {"kind": "number"}}
    view = planned(api, **of(metric=label, samples=200, keep=0.9))
    assert (view.keep, view.noise is not None and view.noise.radius_without_samples) == (0.9, 0.0)
    known: dict[str, Any] = {"mechanism": Gaussian(1.0), "bound": 1.0, "diameter": 1.0, "alpha": 1e-3, "tolerance": 0.2}
    assert view.noise is not None
    for each in view.noise.expected:
        distances = [1.0] * each.bad + [0.0] * (200 - each.bad)
        certificate = certify(distances, band="two-valued/v1", keep=0.9, **known)
        assert isinstance(certificate, Certificate)
        assert each.radius == pytest.approx(certificate.radius, rel=1e-9)
    assert view.noise.expected[0].radius > 0.5
    majority = api.post("/plans", json=request_body(output="majority", **of(metric=label))).json()
    assert majority["keep"] == 0.5
    hopeless = planned(api, **of(metric=label, keep=0.99, epsilon=3.0))
    assert [claim.claim for claim in hopeless.cannot] == ["epsilon"]


def test_claims_on_scores_take_their_shares_of_alpha(served: TestClient) -> None:
    claim = {"score": {"name": "pattern", "pattern": "refund"}, "of": "share", "at_most": 0.1}
    view = planned(served, model=STEEP, **of(metric="edit", samples=300, claims=[claim, {**claim, "at_most": 0.2}]))
    assert view.noise is not None
    known: dict[str, Any] = {"mechanism": Gaussian(1.0), "bound": 1.0, "diameter": 1.0, "tolerance": 0.2}
    for each in view.noise.expected:
        certificate = certify([1.0] * each.bad + [0.0] * (300 - each.bad), alpha=1e-3 / 3, **known)
        assert isinstance(certificate, Certificate)
        assert each.radius == pytest.approx(certificate.radius, rel=1e-8)
    assert "claims on scores" in view.noise.assumes
    assert view.cannot == []


def test_a_claim_on_a_score_that_no_sample_could_prove_is_told(served: TestClient) -> None:
    claim = {"score": {"name": "pattern", "pattern": "refund"}, "of": "share", "at_most": 0.01}
    view = planned(served, model=STEEP, **of(metric="edit", samples=20, claims=[claim]))
    assert [each.claim for each in view.cannot] == ["claims"]
    assert "would be proven to" in view.cannot[0].detail
    assert planned(served, model=STEEP, **of(metric="edit", samples=2000, claims=[claim])).cannot == []
    asked = of(metric="edit", samples=2000, claims=[claim], epsilon=9.0)
    far = planned(served, model=STEEP, **{**asked, **of(tolerance=None)})
    assert [each.claim for each in far.cannot] == ["claims"]
    assert "the job may stop as soon as they are proven" in far.noise.assumes
    assert [each.claim for each in planned(served, model=STEEP, **asked).cannot] == ["epsilon", "claims"]


def test_an_epsilon_has_looks_and_the_least_number_that_could_prove_it(api: TestClient) -> None:
    view = planned(api, **of(epsilon=0.8, samples=1000))
    assert view.looks == list(LookPlan.doubling(1000, 1e-3).sizes)
    assert view.noise is not None
    least = view.noise.least_samples
    assert least is not None
    known: dict[str, Any] = {"mechanism": Gaussian(1.0), "bound": 1.0, "diameter": 1.0, "alpha": 1e-3}
    outcomes = [
        certify([0.0] * n, epsilon=0.8, tolerance=0.2, plan=LookPlan.doubling(n, 1e-3), **known)
        for n in (least - 1, least)
    ]
    assert [type(outcome) for outcome in outcomes] == [Abstention, Certificate]
    assert view.noise.expected[0].stop == "proven"
    assert view.cannot == []


def test_what_cannot_be_met_is_told_as_the_job_would(api: TestClient) -> None:
    view = planned(api, **of(epsilon=3.0))
    [claim] = view.cannot
    assert (claim.claim, claim.reason) == ("epsilon", "radius_out_of_reach")
    assert "no certification sample was drawn" in claim.detail
    assert view.noise is not None
    assert view.noise.least_samples is None
    assert {(each.samples, each.stop) for each in view.noise.expected} == {(0, "out_of_reach")}


def test_a_tolerance_below_the_rounding_of_the_noise_cannot_be_met(api: TestClient) -> None:
    view = planned(api, **of(tolerance=1e-300, epsilon=1e-300))
    [claim] = view.cannot
    assert (claim.claim, claim.reason) == ("epsilon", "radius_out_of_reach")
    assert view.noise is not None
    assert view.noise.least_samples is None
    assert planned(api, **of(epsilon=1e-300)).cannot == []


def test_an_estimate_that_the_model_cannot_give_is_refused_as_the_job_is(served: TestClient) -> None:
    body = request_body(model=STEEP, **of(lipschitz_estimate="autodiff"))
    for path in ("/plans", "/generate"):
        assert "'finite-differences'" in problem_of(served.post(path, json=body), 422)["detail"]
    assert served.post("/plans", json=request_body(**of(lipschitz_estimate="autodiff"))).status_code == 200  # unknown


@pytest.mark.parametrize("tier", ["fleet", "universal"])
def test_tiers_without_samples(api: TestClient, tier: str) -> None:
    view = planned(api, **of(tier=tier, epsilon=0.6))
    assert view.noise is not None
    assert (view.samples, view.looks, view.noise.expected, view.noise.least_samples) == (0, [], [], None)
    assert view.generations == {"fleet": 2, "universal": 1}[tier]
    assert "without samples" in view.cannot[0].detail
    assert planned(api, **of(tier=tier, epsilon=0.2)).cannot == []


def test_a_proven_constant_counts(served: TestClient) -> None:
    view = planned(served, model=STEEP, **of(epsilon=1.9))
    assert view.noise is not None
    assert view.noise.radius_without_samples == pytest.approx(0.2 / 0.1, rel=1e-6)
    assert view.cannot == []
    assert view.noise.least_samples == 0
    other = planned(served, model=STEEP, **of(metric="edit", epsilon=1.9))  # proven in another metric
    assert other.noise is not None
    assert [claim.claim for claim in other.cannot] == ["epsilon"]
    assert other.noise.radius_without_samples == pytest.approx(0.506, rel=1e-2)


def test_tokens_are_known_after_the_runs(served: TestClient) -> None:
    view = PlanView.model_validate(
        served.post("/plans", json={"model": WORDS, "prompt": "a red hat", "robustness": {"samples": 100}}).json()
    )
    assert (view.mechanism, view.sigma, view.noise, view.edits) == ("tokens", None, None, None)
    assert (view.samples, view.looks, view.generations) == (100, [8, 16, 32, 64, 100], 101)
    assert "known after the runs, 100 at most" in view.statement


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "They stop at the first look at which one changes it"),
        ({"claims": True}, "a claim that nothing breaks takes all runs"),
        ({"claims": True, "epsilon": 0.5}, "epsilon is proven, or a claim that it asks for is broken"),
    ],
)
def test_runs_on_tokens_go_on_until_every_claim_is_broken(served: TestClient, asked: dict[str, Any], said: str) -> None:
    claim = {"score": {"name": "length", "unit": "words", "cap": 20}, "at_most": 5}
    robustness = {**asked, "claims": [claim]} if "claims" in asked else asked
    robustness = {"mechanism": "tokens", "sigma": None, **robustness}
    assert planned(served, model=WORDS, **of(**robustness)).statement.endswith(said)


@pytest.mark.parametrize(
    ("edits", "prompt", "listed"),
    [
        ({}, "a red hat", True),
        ({"kinds": ["typo"], "variants": ["one red hat"]}, "a red hat", True),
        ({"at_once": 2}, "a red hat", True),
        ({"at_once": 2}, "The suppliers shall deliver the goods by the first of May, or pay a fine." * 2, False),
        ({}, "word " * 300, False),
    ],
)
def test_a_set_of_edits_is_listed_where_it_is_small(
    served: TestClient, edits: dict[str, Any], prompt: str, listed: bool
) -> None:
    body = {"model": WORDS, "prompt": prompt, "robustness": {"edits": edits, "samples": 400}}
    view = PlanView.model_validate(served.post("/plans", json=body).json())
    assert view.edits is not None
    if not listed:
        assert (view.edits.size, view.edits.whole, view.samples) == (None, None, 400)
        return
    size = EditSet(prompt, **{"variants": (), **edits}).size
    assert view.edits.size == size
    assert view.edits.whole == (size <= 400)
    assert (view.samples, view.generations) == (min(size, 400), min(size, 400) + 1)


def test_an_empty_set_of_edits_is_refused_as_its_job_would_end(served: TestClient) -> None:
    body = {"model": WORDS, "prompt": "...", "robustness": {"edits": {"kinds": ["capitals"]}}}
    assert "the set of edits is empty" in problem_of(served.post("/plans", json=body), 422)["detail"]


def spec_of(card: ModelCard, parameters: dict[str, Any], **robustness: Any) -> JobSpec:
    body = {"model": card.id, "prompt": "a red hat", "parameters": parameters, "robustness": robustness}
    return plan(GenerateRequest.model_validate(body), card, max_samples=5000)


def test_the_noise_of_every_mechanism() -> None:
    card = image_card(PICTURES, smallest_side=64, largest_side=64)
    steps = {"num_inference_steps": 10}
    known = {
        mechanism: planned_noise(spec_of(card, steps, mechanism=mechanism, sigma=0.5), card)
        for mechanism in ("embedding", "embedding-per-step", "latent-schedule")
    }
    assert known == {
        "embedding": Gaussian(0.5),
        "embedding-per-step": GaussianPerStep(0.5, 10),
        "latent-schedule": LatentSchedule(0.5, 10),
    }
    synonyms = planned_noise(spec_of(READS_TOKENS, {}, synonyms=True, sigma=0.5), READS_TOKENS)
    assert synonyms == SynonymClasses("words", "3", PARTITION.digest, Gaussian(0.5))
    shaped = card.model_copy(update={"mechanisms": ["embedding", "embedding-shaped"]})
    assert planned_noise(spec_of(shaped, {}, mechanism="embedding-shaped", sigma=0.5), shaped) == Gaussian(0.5)


def test_the_pipelines_own_noise_is_known_to_the_worker(api: TestClient) -> None:
    seed_image = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAC0lEQVR4nGNgGB4AAADIAAGbUNlfAAAAAElFTkSuQmCC"
    body = {
        "model": PAINTINGS,
        "prompt": "a sea",
        "parameters": {"image": seed_image},
        "robustness": {"mechanism": "img2img", "epsilon": 0.1},
    }
    view = PlanView.model_validate(api.post("/plans", json=body).json())
    assert view.noise is not None
    assert (view.sigma, view.noise.radius_without_samples, view.noise.expected, view.cannot) == (None, None, [], [])
    assert "pipeline's own" in view.noise.assumes


def test_a_selection_of_sigma_spends_its_share_and_promises_nothing(api: TestClient) -> None:
    changes = of(budget=0.1, adapt="prompt", epsilon=3.0)
    body = request_body(model="calibrated", **changes)
    del body["robustness"]["sigma"]
    view = PlanView.model_validate(api.post("/plans", json=body).json())
    assert view.cannot == []  # another sigma may prove it
    assert view.noise is not None
    assert "selects one for the prompt" in view.noise.assumes
    assert view.generations == 500 + 32 + 768
    terms = planned_terms(spec_of(PROVEN, {}), PROVEN)
    assert terms is not None
    assert terms.plan == LookPlan.single(500, terms.alpha)


def test_any_mechanism_is_refused_as_generate_refuses_it(api: TestClient) -> None:
    for change in ({"mechanism": "laplace"}, {"samples": 5001}, {"snap": True}, {"budget": 7.0, "sigma": None}):
        body = request_body(model=NUMBERS, **of(**change))
        assert problem_of(api.post("/plans", json=body), 422) == problem_of(api.post("/generate", json=body), 422)


PASSAGES = {"context": [f"Passage {letter}." for letter in "abcdefghij"], "prompt": "What is it?", "model": WORDS}
ANSWERS = {"metric": {"name": "label", "extract": {"kind": "number"}}}


@pytest.mark.parametrize(
    ("units", "size", "altered", "looks", "generations"),
    [
        ({"size": 2}, 2, 2, [45], 32 + 45),
        ({"size": 1}, 1, 5, [10], 10 + 10),
        ({"altered": 2}, 2, 2, [8, 16, 32, 45], 32 + 45),
        ({"size": 5}, 5, 1, [252], 32 + 252),
    ],
)
def test_a_plan_of_passages_says_how_many_altered_ones_could_be_proven(
    served: TestClient, units: dict[str, int], size: int, altered: int, looks: list[int], generations: int
) -> None:
    response = served.post("/plans", json={**PASSAGES, "robustness": {**ANSWERS, "units": units}})
    view = PlanView.model_validate(response.json())
    assert view.units is not None
    assert (view.mechanism, view.keep, view.units.size, view.units.enumerated) == ("passages", 0.5, size, True)
    assert (view.units.most_altered, view.looks, view.generations) == (altered, looks, generations)
    assert view.cannot == []


def test_a_plan_of_drawn_words_looks_as_its_job_would(served: TestClient) -> None:
    body = {"model": WORDS, "prompt": "one two three", "robustness": {**ANSWERS, "mechanism": "words"}}
    body["robustness"]["units"] = {"altered": 1}
    view = PlanView.model_validate(served.post("/plans", json=body).json())
    assert view.units is not None
    assert (view.units.enumerated, view.units.most_altered, view.samples) == (False, 1, 500)
    assert view.looks == [*LookPlan.doubling(500, 1e-3).sizes]


def test_claims_on_scores_share_what_units_could_prove(served: TestClient) -> None:
    """Of 45 choices of two, 17 read one of two altered passages, and 24 one of three."""
    length = {"score": {"name": "length", "cap": 100}}
    few = {**ANSWERS, "units": {"size": 2}, "claims": [{**length, "at_most": 25.0}]}
    view = PlanView.model_validate(served.post("/plans", json={**PASSAGES, "robustness": few}).json())
    assert view.units is not None
    assert view.units.most_altered == 1
    assert "each claim on a score has its own" in view.statement
    asked = {**few, "units": {"size": 2, "altered": 2}}
    view = PlanView.model_validate(served.post("/plans", json={**PASSAGES, "robustness": asked}).json())
    [cannot] = view.cannot
    assert "of the best scores, what is asked would be proven for 1 altered units" in cannot.detail
    alone = {"metric": "edit", "units": {"altered": 1}, "claims": [{**length, "at_most": 95.0}]}
    view = PlanView.model_validate(served.post("/plans", json={**PASSAGES, "robustness": alone}).json())
    assert view.units is not None
    assert view.units.size == 9


def test_a_plan_of_edits_says_what_becomes_of_claims_on_scores(served: TestClient) -> None:
    claims = [{"score": {"name": "length", "cap": 100}, "at_most": 25.0}]
    asked = {"mechanism": "edits", "edits": {"kinds": ["capitals"]}, "claims": claims}
    view = PlanView.model_validate(
        served.post("/plans", json={"model": WORDS, "prompt": "a red hat", "robustness": asked}).json()
    )
    assert view.edits is not None
    assert view.edits.whole
    assert "so the claim on each score" in view.statement
    few = {**asked, "samples": 2}
    view = PlanView.model_validate(
        served.post("/plans", json={"model": WORDS, "prompt": "a red hat", "robustness": few}).json()
    )
    assert "of each score the share that is as asked" in view.statement


def test_more_altered_passages_than_a_size_could_prove_cannot_be_met(served: TestClient) -> None:
    asked = {**ANSWERS, "units": {"size": 2, "altered": 5}}
    view = PlanView.model_validate(served.post("/plans", json={**PASSAGES, "robustness": asked}).json())
    [cannot] = view.cannot
    assert cannot.claim == "units.altered"
    assert "for 2 altered units, and 5 are asked for" in cannot.detail
