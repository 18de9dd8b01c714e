"""The shipped nginx file in front of a real gateway: TLS, events as they happen, and nothing of /metrics."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.processes import ROOT, SLOW, Lab, eventually, free_port

NAME = "certify.example"
SHIPPED = (ROOT / "docker" / "proxy" / "nginx.conf").read_text()


@pytest.fixture
def proxied(lab: Lab, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of a gateway behind nginx, with the certificate's name as Host."""
    gateway = lab.gateway(allowed_hosts=[NAME])
    lab.worker(SLOW)
    key, certificate, port = tmp_path / "key.pem", tmp_path / "certificate.pem", free_port()
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={NAME}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    changed = {
        "127.0.0.1:8000": f"127.0.0.1:{gateway.port}",
        "listen 443": f"listen 127.0.0.1:{port}",
        f"/etc/ssl/{NAME}.pem": str(certificate),
        f"/etc/ssl/private/{NAME}.key": str(key),
    }
    site = SHIPPED
    for shipped, here in changed.items():
        assert site.count(shipped) == 1
        site = site.replace(shipped, here)
    (tmp_path / "site.conf").write_text(site)
    folders = "".join(f"{kind}_temp_path {tmp_path / kind};" for kind in ("client_body", "proxy"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path / 'pid'}; daemon off; events {{}} http {{ access_log off; {folders} include site.conf; }}"
    )
    command = ["nginx", "-e", str(tmp_path / "error.log"), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with subprocess.Popen(command) as nginx:
        trusted = ssl.create_default_context(cafile=certificate)
        url = f"https://127.0.0.1:{port}"
        with httpx2.Client(base_url=url, verify=trusted, headers={"host": NAME}, timeout=60) as client:
            try:
                eventually(lambda: client.get("/readyz").status_code == 200, 60)
                yield client
            finally:
                nginx.terminate()


def test_events_come_as_they_happen_and_metrics_stay_inside(proxied: httpx2.Client) -> None:
    body = {"model": SLOW, "prompt": "0.25", "robustness": {"sigma": 0.5, "samples": 2000}}
    accepted = proxied.post("/generate", json=body, headers={"prefer": "respond-async"})
    assert accepted.status_code == 202, accepted.text
    job = accepted.headers["location"]
    with proxied.stream("GET", f"{job}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        first = next(line for line in events.iter_lines() if line.startswith("data:"))
        # A proxy that buffers would tell of it at the job's end.
        assert re.search(r'"status":"(queued|running)"', first)
        assert proxied.get(job).json()["status"] in ("queued", "running")
    proxied.delete(job)
    assert proxied.get("/metrics").status_code == 404
    assert proxied.get("/models/").headers["location"] == f"https://{NAME}/models"
