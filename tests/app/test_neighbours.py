"""GET /certificates/{id}/neighbours, from certificates and words that a worker could have stored."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from smoothgen import AsyncClient, Client, Gaussian, certify, verify
from smoothgen.certificates import (
    Certificate,
    ExhaustiveCertificate,
    ModelIdentity,
    Provenance,
    SnapThreat,
    certify_exhaustive,
    to_document,
)
from smoothgen.certificates.exhaustive.threat import TOKEN_EMBEDDINGS
from smoothgen.certificates.meaning.held import MASK
from smoothgen.cli.plot import plot_neighbours, plot_runs
from smoothgen.cli.show import show_generation
from smoothgen.client import Generation
from smoothgen.contracts import (
    GenerateRequest,
    JobResult,
    JobView,
    ModelRef,
    Neighbour,
    NeighboursView,
    RunWords,
    Usage,
)
from smoothgen.errors import ServerProblem
from smoothgen.planning.plan import plan
from smoothgen.queue import ANYONE, JobStore, Pace, WorkQueue, build_of, connect, keys, new_id
from tests.app.conftest import NUMBERS, model_card, problem_of, register, request_body
from tests.service.test_queue import OPENING, OUTPUT
from tests.support.processes import Gateway, Lab, Process, Redis

REF = ModelRef(name=NUMBERS, revision="v1", digest="sha256:" + "0" * 64)
COSTS = [0.0, 0.25, 0.5, 0.5, 0.875, 1.5]
DISTANCES = [0.0, 0.0, 0.05, math.inf, 1.0, 0.0]
TEXTS = ["a good film", "a great film", "a good\x1b[31m movie", "a gold film", "a bad film", "a food film"]
OUTPUTS = ["positive", "positive", "positive!", "", "negative", "positive"]
WORDS = [
    RunWords(text=text, writable=k != 2, output=output or None)
    for k, (text, output) in enumerate(zip(TEXTS[1:], OUTPUTS[1:], strict=True), start=1)
]


def exhaustive(
    costs: Sequence[float] = COSTS, distances: Sequence[float] = DISTANCES, next_cost: float | None = 2.0, **asked: Any
) -> ExhaustiveCertificate:
    made = certify_exhaustive(
        costs,
        distances,
        diameter=1.0,
        tolerance=0.1,
        next_cost=next_cost,
        threat=SnapThreat(TOKEN_EMBEDDINGS, "sha256:" + "1" * 64, 3, 0.0, ("token count (3)", MASK)),
        provenance=Provenance(model=ModelIdentity(NUMBERS, "v1", "sha256:" + "0" * 64)),
        **asked,
    )
    assert isinstance(made, ExhaustiveCertificate)
    return made


def noisy() -> dict[str, Any]:
    distances = np.abs(np.random.default_rng(1).normal(0, 0.05, 500)).clip(0, 1)
    made = certify(distances, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.3)
    assert isinstance(made, Certificate)
    return to_document(made)


def story(redis: Redis, tell: Callable[[JobStore, WorkQueue], Awaitable[str]]) -> str:
    async def told() -> str:
        connection = connect(redis.url)
        done = await tell(JobStore(connection), WorkQueue(connection, "a worker"))
        await connection.aclose()
        return done

    return asyncio.run(told())


def stored(redis: Redis, document: dict[str, Any], words: Sequence[RunWords] | None = WORDS) -> str:
    """The id of a job that ended with this certificate, its runs stored as a worker stores them."""

    async def tell(store: JobStore, worker: WorkQueue) -> str:
        card = model_card(NUMBERS)
        runs = 5 if words is None else len(words)
        request = GenerateRequest.model_validate(request_body(**{"robustness.samples": max(40, runs)}))
        job = plan(request, card, max_samples=100_000)
        builds = {NUMBERS: build_of(card.digest, "float32")}
        await store.submit(job, REF)
        [opening] = await worker.claim(builds, samples=1, items=1, block_ms=20)
        await worker.open(opening, OPENING, look_end=runs, pace=Pace(chunk=runs, window=1), sheet=None)
        [chunk] = await worker.claim(builds, samples=1, items=1, block_ms=20)
        assert await worker.store(chunk, np.zeros(runs), 0.1, words=words) is not None
        usage = Usage(samples=runs, device_s=0.1, queued_s=0.0, overhead=runs + 1)
        result = JobResult(model=REF, output=OUTPUT, certificate={**document, "id": job.id}, usage=usage)
        assert await worker.succeed(job, result, claim=chunk)
        return job.id

    return story(redis, tell)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A Redis whose only jobs are those stored here."""
    lab = Lab(tmp_path_factory.mktemp("neighbours"))
    with closing(lab):
        register(lab.redis, model_card(NUMBERS))
        yield lab


@pytest.fixture(scope="module")
def redis(lab: Lab) -> Redis:
    return lab.redis


@pytest.fixture(scope="module")
def api(redis: Redis) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(redis_url=redis.url)), base_url="http://localhost") as client:
        yield client


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> Gateway:
    return lab.gateway()


@pytest.fixture(scope="module")
def job(redis: Redis) -> str:
    return stored(redis, to_document(exhaustive()))


def listed(api: TestClient, job: str, **query: Any) -> NeighboursView:
    response = api.get(f"/certificates/{job}/neighbours", params=query)
    assert response.status_code == 200, response.text
    return NeighboursView.model_validate_json(response.content)


def test_every_run_is_listed_with_its_words(api: TestClient, job: str) -> None:
    view = listed(api, job)
    assert view.model_dump(exclude={"neighbours"}) == {
        "certificate": job,
        "mechanism": "tokens",
        "tolerance": 0.1,
        "radius": 0.5,
        "next_cost": 2.0,
        "runs": 5,
        "changed": 2,
        "words_kept": True,
        "pictures": None,
    }
    assert [each.model_dump() for each in view.neighbours] == [
        {
            "rank": k,
            "cost": COSTS[k],
            "distance": None if math.isinf(DISTANCES[k]) else DISTANCES[k],
            "changed": k in (3, 4),
            "text": TEXTS[k],
            "writable": k != 2,
            "output": OUTPUTS[k] or None,
        }
        for k in range(1, 6)
    ]


@pytest.mark.parametrize(
    ("query", "ranks"),
    [
        ({"changed": "true"}, [3, 4]),
        ({"changed": "true", "limit": 1}, [3]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 1000}, [1, 2, 3, 4, 5]),
    ],
)
def test_a_query_chooses_and_the_counts_are_of_all(
    api: TestClient, job: str, query: dict[str, Any], ranks: list[int]
) -> None:
    view = listed(api, job, **query)
    assert [each.rank for each in view.neighbours] == ranks
    assert (view.runs, view.changed) == (5, 2)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "all"}, {"changed": "perhaps"}])
def test_a_query_out_of_range_is_refused(api: TestClient, job: str, query: dict[str, Any]) -> None:
    problem_of(api.get(f"/certificates/{job}/neighbours", params=query), 422)


def test_a_claim_that_nothing_breaks_has_no_radius_and_no_end(api: TestClient, redis: Redis) -> None:
    made = exhaustive([0.0, 0.5], [0.0, 0.0], next_cost=None)
    view = listed(api, stored(redis, to_document(made), WORDS[:1]))
    assert (view.radius, view.next_cost, view.changed) == (None, None, 0)


@pytest.mark.parametrize("tolerance_used_up", [math.nextafter(0.1, 1), 0.1, math.nextafter(0.1, 0)])
def test_the_first_that_changed_is_the_one_that_breaks_the_claim(
    api: TestClient, redis: Redis, tolerance_used_up: float
) -> None:
    made = exhaustive([0.0, 0.25, 0.5], [0.0, tolerance_used_up, 1.0])
    [first] = listed(api, stored(redis, to_document(made), None), changed="true", limit=1).neighbours
    assert made.claims.broken_by is not None
    assert first.rank == made.claims.broken_by.index


def test_only_some_words_are_kept_of_many_runs(api: TestClient, redis: Redis) -> None:
    view = listed(api, stored(redis, to_document(exhaustive()), WORDS[:2]))
    assert [each.text is None for each in view.neighbours] == [False, False, True, True, True]
    assert view.words_kept


def test_erased_words_are_gone_and_the_numbers_stay(api: TestClient, redis: Redis) -> None:
    job = stored(redis, to_document(exhaustive()))
    assert api.delete(f"/jobs/{job}/content").status_code == 204
    view = listed(api, job)
    assert not view.words_kept
    assert {(each.text, each.writable, each.output) for each in view.neighbours} == {(None, None, None)}
    assert [each.cost for each in view.neighbours] == COSTS[1:]


def test_erasing_content_takes_the_texts_out_of_the_certificate(api: TestClient, redis: Redis) -> None:
    certificate = replace(exhaustive(), text="the capital of Germany is", output="Berlin")
    job = stored(redis, to_document(certificate))
    before = api.get(f"/certificates/{job}").json()
    assert before["broken_by"]["text"] == "the capital of Germany is"
    ttl = redis.client.ttl(keys.certificate(job))
    assert api.delete(f"/jobs/{job}/content").status_code == 204
    after = api.get(f"/certificates/{job}").json()
    assert "Germany" not in json.dumps(after)
    assert "Berlin" not in json.dumps(after)
    assert ttl - 60 <= redis.client.ttl(keys.certificate(job)) <= ttl
    assert verify(after).valid
    assert after["radius"] == before["radius"]


@pytest.mark.parametrize(("query", "name"), [("limit=0", "limit"), ("limit=x", "limit"), ("changed=maybe", "changed")])
def test_a_bad_query_parameter_is_named(api: TestClient, job: str, query: str, name: str) -> None:
    detail = problem_of(api.get(f"/certificates/{job}/neighbours?{query}"), 422)["detail"]
    assert detail.startswith(f"{name}: ")


def test_a_certificate_of_noise_has_no_neighbours(api: TestClient, redis: Redis) -> None:
    job = stored(redis, noisy(), None)
    detail = problem_of(api.get(f"/certificates/{job}/neighbours"), 409)["detail"]
    assert "only certificates of mechanism 'tokens', 'edits', 'passages' or 'words' have neighbours" in detail


def test_an_unknown_certificate_is_not_found(api: TestClient) -> None:
    for unknown in ("made-up", new_id(NUMBERS, ANYONE), new_id(NUMBERS, "another tenant")):
        problem_of(api.get(f"/certificates/{unknown}/neighbours"), 404)


def test_the_certificate_is_read_and_verified_as_any_other(api: TestClient, job: str) -> None:
    document = api.get(f"/certificates/{job}").json()
    assert document["method"] == "exhaustive/v1"
    plain = to_document(exhaustive())
    answer = api.post("/certificates/verify", json=plain).json()
    assert answer["valid"], answer
    assert not api.post("/certificates/verify", json=plain | {"radius": 0.75}).json()["valid"]
    assert api.get(f"/jobs/{job}").json()["certificate"] == document


def test_a_certificate_of_twenty_thousand_runs_is_verified_and_listed(api: TestClient, redis: Redis) -> None:
    costs = np.concatenate([[0.0], np.sort(np.random.default_rng(2).uniform(0.1, 2, 20_000))])
    distances = np.concatenate([[0.0], np.random.default_rng(3).uniform(0, 1, 20_000)])
    document = to_document(exhaustive(costs, distances))
    assert api.post("/certificates/verify", json=document).json()["valid"]
    words = [RunWords(text="x" * 2000, writable=True, output="y" * 2000)] * 2000
    view = listed(api, stored(redis, document, words), limit=1000)
    assert (view.runs, len(view.neighbours)) == (20_000, 1000)


def test_both_clients_read_certificate_and_neighbours(gateway: Gateway, job: str) -> None:
    with Client(gateway.url) as client:
        certificate, view = client.certificate(job), client.neighbours(job, changed=True, limit=1)
        assert isinstance(certificate, ExhaustiveCertificate)
        assert (certificate.radius, [each.text for each in view.neighbours]) == (0.5, ["a gold film"])
        assert isinstance(client.cancel(job).certificate, ExhaustiveCertificate)
        with pytest.raises(ServerProblem, match="no certificate"):
            client.neighbours("made-up")

    async def awaited() -> None:
        async with AsyncClient(gateway.url) as other:
            assert await other.neighbours(job, changed=True, limit=1) == view
            assert await other.certificate(job) == certificate

    asyncio.run(awaited())


def command(gateway: Gateway, log: Path, *arguments: str) -> tuple[int, str]:
    line = ["-c", "from smoothgen.cli import main; main()", *arguments, "--url", gateway.url]
    with Process(*line, log=log) as process:
        return process.wait(60), process.log


def test_the_command_lists_marks_and_draws(gateway: Gateway, job: str, tmp_path: Path) -> None:
    picture = tmp_path / "neighbours.png"
    code, said = command(gateway, tmp_path / "log", "neighbours", job, "--plot", str(picture))
    assert code == 0, said
    assert picture.read_bytes().startswith(b"\x89PNG")
    line = said.splitlines()[0]
    assert line == (
        "run: 5 neighbours, 2 of them change the answer by more than 0.1; the answer keeps within that below 0.5; "
        "broken by 'a gold film' failed at cost 0.5"
    )
    assert "\x1b" not in said
    _, cut = command(gateway, tmp_path / "cut", "neighbours", job, "--limit", "1")
    assert "broken by 'a gold film'" in cut
    assert "4 further ones are not listed" in cut
    _, changed = command(gateway, tmp_path / "changed", "neighbours", job, "--changed", "--json")
    assert [each["rank"] for each in json.loads(changed)["neighbours"]] == [3, 4]


def test_the_command_says_why_a_picture_cannot_be_drawn(gateway: Gateway, redis: Redis, tmp_path: Path) -> None:
    kept = stored(redis, to_document(exhaustive([0.0, 1.0], [0.0, 0.0])))
    for asked, words in (
        (["--sheet", str(tmp_path / "a.png"), "--changed"], "no run of this certificate does; leave --changed out"),
        (["--sheet", str(tmp_path / "a.png")], "the server keeps none of these runs"),
        (["--sheet", str(tmp_path / "sheet")], "must end in .png, .pdf or .svg"),
        (["--plot", str(tmp_path)], "is a folder"),
    ):
        code, said = command(gateway, tmp_path / "log", "neighbours", kept, *asked)
        assert code == 2
        assert words in " ".join(said.replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_pictures_are_drawn_of_whatever_there_is(tmp_path: Path) -> None:
    for number, made in enumerate(
        [
            exhaustive(),
            exhaustive([0.0], [0.0]),
            exhaustive([0.0, 0.0], [0.0, 1.0]),
            exhaustive([0.0, 1.0], [0.0, 0.0], next_cost=None),
            exhaustive(np.arange(40.0), [0.0, *[1.0] * 39], next_cost=None, texts=["a $x_{1 prompt\n"] * 40),
        ]
    ):
        plot_runs(made, tmp_path / f"{number}.png")
    many = [
        Neighbour(rank=k, cost=k, distance=1.0, changed=True, text=f"${k}\0\n" + 99 * "x", writable=False)
        for k in range(1, 30)
    ]
    view = NeighboursView(
        certificate="c", tolerance=0.5, radius=1, next_cost=None, runs=40, changed=29, words_kept=True, neighbours=many
    )
    plot_neighbours(view, tmp_path / "many.png")


def shown(capsys: pytest.CaptureFixture[str], certificate: ExhaustiveCertificate, **more: Any) -> str:
    view = {"id": "j", "status": "succeeded", "model": REF.model_dump(), "progress": {"done": 6, "total": 6}}
    output = OUTPUT.model_dump()
    whole = view | {"output": output, "certificate": to_document(certificate)} | more
    show_generation(Generation(JobView.model_validate(whole)), None, {"mechanism": "tokens", "samples": 5})
    return " ".join(capsys.readouterr().out.split())


def test_a_generation_shows_its_exact_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, exhaustive(texts=TEXTS, outputs=OUTPUTS))
    assert "exact radius 0.5 (l2, embedding units, at tolerance 0.1)" in said
    assert "W1 bound 0.0 below 0.5" in said
    assert "answer keeps below 0.5" in said
    assert (
        "runs 6, the prompt's own with them, 1 failed; all others cost 2.0 or more; what ends the claim was found"
        in said
    )
    assert "broken by 'a gold film' failed at cost 0.5" in said
    assert "mechanism tokens: embeddings snapped to the nearest token, no noise" in said
    assert "alpha 0" in said
    kept = Neighbour(rank=3, cost=0.5, distance=1.0, changed=True, text="typed", writable=False, output="no")
    assert "broken by 'typed', which nobody can type, → 'no' at cost 0.5" in shown(
        capsys, exhaustive(), broken_by=kept.model_dump()
    )
    assert "broken by neighbour 1 at distance 1.0 at cost 0.25" in shown(capsys, exhaustive([0.0, 0.25], [0.0, 1.0]))
    assert "exact radius any norm" in shown(capsys, exhaustive([0.0, 1.0], [0.0, 0.0], next_cost=None))
