"""A real Prometheus (Debian's package) that scrapes processes of a test."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
import yaml

from tests.support.processes import ROOT, eventually, free_port


class Prometheus:
    """Runs for as long as the block does, with the shipped rules, and keeps its data under `folder`."""

    def __init__(self, folder: Path, targets: Mapping[str, Sequence[int]], *, every: str = "1s") -> None:
        """targets: the ports on this machine that each job scrapes."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._targets, self._port = folder, targets, free_port()
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for job, ports in targets.items()
        ]
        rules = str(ROOT / "docker" / "prometheus" / "rules.yml")
        times = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
        document = {"global": times, "rule_files": [rules], "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(document))
        self.http = httpx2.Client(base_url=self.url, timeout=60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now. Fails where Prometheus refuses it."""
        answer = self.http.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        result = answer["data"]["result"]
        return list(result) if answer["data"]["resultType"] == "vector" else [result]

    def up(self) -> int:
        """How many targets answer."""
        return len(self.query("up == 1"))

    def __enter__(self) -> Self:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        expected = sum(map(len, self._targets.values()))
        try:
            eventually(lambda: self.http.get("/-/ready").status_code == 200, 120)
            eventually(lambda: self.up() == expected, 120)
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self._process.terminate()
        self._process.wait(30)
