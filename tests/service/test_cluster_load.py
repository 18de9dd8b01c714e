"""A cluster under load, whose slots are moved and whose nodes die: every accepted job ends, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import pytest

from smoothgen.queue import keys
from tests.service.conftest import ask, finished
from tests.support.cluster import Cluster, replicated_cluster
from tests.support.processes import SLOW, TANH, Gateway, Lab, Worker, eventually
from tests.support.submitters import Submitters

BODIES = [ask(TANH, samples=64), ask(SLOW, samples=64), ask(TANH, samples=300)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with closing(Lab(tmp_path_factory.mktemp("moves"), Cluster)) as lab:
        yield lab


@contextmanager
def submitting(lab: Lab, gateways: Sequence[Gateway], workers: Sequence[Worker]) -> Iterator[Submitters]:
    """Clients submit while the block runs. Afterwards every accepted job has a certificate, and no process met an error
    that it had not foreseen."""
    with Submitters([gateway.url for gateway in gateways], BODIES) as clients:
        yield clients
    require_all_ended(lab, gateways[0], clients.accepted)
    assert "Traceback" not in "".join(process.log for process in (*gateways, *workers))


def require_all_ended(lab: Lab, gateway: Gateway, accepted: Mapping[str, str]) -> None:
    """Every accepted job has a certificate, none was made twice, and nothing is owed."""
    ended = Counter(finished(gateway.http, job)["status"] for job in accepted.values())
    assert ended == {"succeeded": len(accepted)}
    assert len(set(accepted.values())) == len(accepted)
    eventually(lambda: all(int(lab.redis.client.get(keys.backlog(model)) or 0) == 0 for model in (TANH, SLOW)))


@pytest.mark.parametrize("how", ["move", "move_at_once"])
def test_no_job_is_lost_while_slots_are_moved(lab: Lab, how: str) -> None:
    """Key by key, and as Valkey 9 does it: the slots of two models, and of the list of models."""
    with submitting(lab, [lab.gateway()], [lab.worker(TANH, SLOW), lab.worker(TANH)]) as clients:
        clients.until_more(20)
        for key in (keys.backlog(TANH), keys.backlog(SLOW), keys.MODELS):
            before = lab.redis.owner(key)
            getattr(lab.redis, how)(key)
            assert lab.redis.owner(key) is not before
            clients.until_more(10)


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with closing(Lab(tmp_path_factory.mktemp("replicated"), replicated_cluster)) as lab:
        yield lab


@pytest.fixture(scope="module")
def confirming(replicated: Lab) -> list[Gateway]:
    """Gateways that acknowledge a job when a replica has it."""
    return [replicated.gateway(wait_replicas=1, wait_timeout_ms=5000) for _ in range(2)]


@pytest.fixture(scope="module")
def serving(replicated: Lab) -> list[Worker]:
    return [replicated.worker(TANH, SLOW, lease_s=3) for _ in range(2)]


def test_no_acknowledged_job_is_lost_when_a_primary_dies(
    replicated: Lab, confirming: list[Gateway], serving: list[Worker]
) -> None:
    """Its replica takes its place. Of its model no job is acknowledged until the dead node is back, as a replica."""
    cluster = replicated.redis
    victim = cluster.owner(keys.backlog(TANH))
    with submitting(replicated, confirming, serving) as clients:
        clients.until_more(30)
        victim.kill()
        eventually(lambda: cluster.owner(keys.backlog(TANH)) in cluster.replicas, 60)
        victim.start()
        eventually(lambda: victim.client.info("replication").get("master_link_status") == "up", 60)
        clients.until_more(30)
    assert clients.statuses.keys() <= {200, 202, 503}


def test_gateways_follow_a_primary_that_is_replaced_without_dying(
    replicated: Lab, confirming: list[Gateway], serving: list[Worker]
) -> None:
    """The node that was the primary answers on, as a replica: it refuses both the calls and the WAIT after them."""
    cluster = replicated.redis
    before = cluster.owner(keys.backlog(TANH))
    with submitting(replicated, confirming, serving) as clients:
        clients.until_more(10)
        cluster.replica_of(before).client.execute_command("CLUSTER FAILOVER")
        eventually(lambda: cluster.owner(keys.backlog(TANH)) is not before, 60)
        clients.until_more(30)
