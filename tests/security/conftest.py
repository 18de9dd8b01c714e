"""A server as an attacker finds it: keys of two tenants, signatures, a ledger, webhooks and traces all switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
import pytest

from smoothgen.queue import keys
from tests.support.api_keys import ApiKeys
from tests.support.collector import Collector
from tests.support.echo import ECHO, asked, install_echo
from tests.support.processes import TANH, Lab, eventually


class Target:
    """A gateway and a worker of a model that says its prompt.

    alice, bob: headers with keys of all scopes of these tenants. reader: with a key of Alice's that may only read.
    """

    def __init__(self, lab: Lab, collector: Collector) -> None:
        self.lab, self.collector, self.keys = lab, collector, ApiKeys(lab.redis.url)
        self.ledger = lab.folder / "ledger.sqlite3"
        self.gateway = lab.gateway(
            default_wait_s=60,
            signing_keys=str(lab.folder / "signing-keys"),
            ledger_url=f"sqlite:///{self.ledger}",
            webhooks=True,
            webhooks_allow=["127.0.0.1/32"],
            webhooks_allow_http=True,
            environment=collector.environment,
        )
        site = install_echo(lab.folder / "site")
        self.worker = lab.worker(TANH, ECHO, site=site, environment=collector.environment)
        _, self.alice = self.keys.create("alice")
        _, self.reader = self.keys.create("alice", "read")
        _, self.bob = self.keys.create("bob")
        eventually(lambda: self.http.get("/models").status_code == 401)

    @property
    def http(self) -> httpx2.Client:
        return self.gateway.http

    def said(self, prompt: str, **more: Any) -> httpx2.Response:
        """The answer to Alice's request for what the echo says."""
        return self.http.post("/generate", json=asked(prompt), headers=self.alice | more)

    def jobs(self) -> int:
        """How many jobs the queue knows."""
        return sum(1 for _ in self.lab.redis.client.scan_iter(keys.of_all_models("job:")))


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with Collector() as collector, closing(Lab(tmp_path_factory.mktemp("security"))) as lab:
        yield Target(lab, collector)
