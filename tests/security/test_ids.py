"""Ids that are guessed, altered or another tenant's."""

from __future__ import annotations

import pytest

from smoothgen.queue.ids import new_id, tag
from tests.security.conftest import Target
from tests.support.processes import eventually


def test_an_id_rewritten_for_another_tenant_is_of_no_job(target: Target) -> None:
    job = target.said("of Alice").json()["id"]
    model, _, random = job.split("-")
    for altered in (f"{model}-{tag('bob')}-{random}", job.upper(), f"{job}%0a", f" {job}", job[:-1], f"{job}0", "*"):
        for path in ("/jobs/{}", "/jobs/{}/output", "/certificates/{}", "/ledger/{}", "/v1/responses/resp_{}"):
            answer = target.http.get(path.format(altered), headers=target.bob)
            assert answer.status_code == 404, altered
            assert "of Alice" not in answer.text


def test_ids_made_one_after_the_other_do_not_tell_the_next() -> None:
    ids = [new_id("a model", "alice").split("-")[2] for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert len({each[:8] for each in ids}) > 990  # no counter and no clock at the front
    assert len({each[-8:] for each in ids}) > 990


@pytest.mark.parametrize("query", [{"tenant": "alice"}, {"tenant": "*"}, {"tenant": ["bob", "alice"]}])
def test_no_query_shows_another_tenants_jobs(target: Target, query: dict[str, object]) -> None:
    job = target.said("of Alice").json()["id"]
    eventually(lambda: target.http.get(f"/ledger/{job}", headers=target.alice).status_code == 200)
    for path in ("/ledger", "/jobs", "/fleet", "/webhooks"):
        answer = target.http.get(path, params=query, headers=target.bob)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert job not in answer.text
