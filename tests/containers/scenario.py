"""Second half of a run, without any network: the compose file is brought up, asked, replaced under load and removed.

python -m tests.containers.scenario FOLDER DATA OUT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2

import smoothgen
from tests.containers.backup import back_up, lose_and_restore
from tests.containers.compose import GATEWAY, PROMETHEUS, SERVICES, Compose
from tests.containers.engine import CommandFailed, Engine
from tests.containers.halves import exit_code
from tests.containers.images import compose_images
from tests.containers.load import Load
from tests.containers.places import places
from tests.containers.steps import Steps
from tests.support.processes import eventually

_TEXT = {
    "prompt": "The capital of France is",
    "model": "smollm2-135m",
    "max_new_tokens": 3,
    "metric": {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Z][a-z]+"}},
}
_PICTURE = {"prompt": "a red dress", "model": "fashion-32", "samples": 100}


def certified(client: smoothgen.Client, keys: dict[str, Any], asked: dict[str, Any]) -> str:
    """Asks for one generation, verifies its certificate and its signature, and returns the radius in words."""
    generation = client.generate(**asked)
    verdict, signature = generation.verify(), generation.view.signature
    if verdict is None or not verdict.valid:
        raise CommandFailed(f"{asked['prompt']!r}: {generation.view.abstention or verdict}")
    if signature is None:
        raise CommandFailed(f"{asked['prompt']!r}: the certificate is not signed")
    signed = smoothgen.verify_signature(signature, generation.view.certificate, keys, output=generation.content)
    if not signed.valid:
        raise CommandFailed(f"{asked['prompt']!r}: {signed}")
    radius = generation.view.certificate["radius"]
    return f"radius {radius:.3f}, certificate and signature valid"


def scraped(workers: int) -> str:
    """Returns how many targets of each kind Prometheus reaches, once it reaches all, with the shipped rules loaded."""
    with httpx2.Client(base_url=PROMETHEUS, timeout=10) as http:

        def targets() -> dict[str, int]:
            series = http.get("/api/v1/query", params={"query": "count by (job) (up == 1)"}).json()["data"]["result"]
            found = {each["metric"]["job"]: int(each["value"][1]) for each in series}
            return found if found == {"gateway": 1, "worker": workers, "prometheus": 1} else {}

        found = eventually(targets, timeout_s=120)
        rules = [rule for group in http.get("/api/v1/rules").json()["data"]["groups"] for rule in group["rules"]]
    if not rules or any(rule["health"] == "err" for rule in rules):
        raise CommandFailed(f"Prometheus evaluates {len(rules)} rules: {[rule.get('lastError') for rule in rules]}")
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) + f"; {len(rules)} rules"


def main() -> int:
    """Run the scenario; exit code 1 at the first failure. What it started is removed in any case."""
    at = places(__doc__)
    steps = Steps(at.steps)
    with Engine(at.data, at.state, network=True) as engine:
        compose = Compose(engine)
        compose("down", "--volumes", "--remove-orphans")  # what a killed run has left in a folder that is kept
        try:
            key = _asked(compose, steps)
            _replaced(compose, steps, key)
            with steps.step("health and logs") as step:
                lines = {service: sum(compose.logged(service).values()) for service in ("gateway", "worker")}
                told = ", ".join(f"{count} lines of the {service}" for service, count in lines.items())
                step.result = f"{compose.health()}; {told}"
            _restored(compose, engine, steps, key, at.folder)
        except BaseException:
            (at.out / "compose.log").write_text(compose("logs", "--no-color", "--timestamps"))
            raise
        finally:
            with steps.step("everything removed") as step:
                compose("down", "--volumes", "--remove-orphans", "--timeout=60")
                left = engine.docker("ps", "--all", "--quiet") + engine.docker("volume", "ls", "--quiet")
                if left:
                    raise CommandFailed(f"left behind: {left.split()}")
                step.result = "no container, no volume left"
    return 0


def _asked(compose: Compose, steps: Steps) -> str:
    """Brings the stack up and has it certify a text and a picture. Returns the first API key."""
    with steps.step("compose up, until healthy") as step:
        compose.up(*SERVICES)
        step.result = compose.health()
    key = compose.key()
    with httpx2.Client(base_url=GATEWAY, headers={"authorization": f"Bearer {key}"}) as http:
        if httpx2.post(f"{GATEWAY}/generate", json={"prompt": "x"}).status_code != 401:
            raise CommandFailed("a request without a key was not answered 401")
        keys = http.get("/.well-known/jwks.json").json()
    with smoothgen.Client(GATEWAY, api_key=key) as client:
        with steps.step("a certified text over HTTP") as step:
            step.result = certified(client, keys, _TEXT)
        with steps.step("a certified picture over HTTP") as step:
            step.result = certified(client, keys, _PICTURE)
    return key


def _replaced(compose: Compose, steps: Steps, key: str) -> None:
    """Scales to two workers, and replaces gateway and workers while jobs are posted."""
    with steps.step("--scale worker=2") as step:
        compose.up("worker", workers=2)
        step.result = compose.health()
    with steps.step("Prometheus finds gateway and both workers") as step:
        step.result = scraped(workers=2)
    load = Load(GATEWAY, key)
    with steps.step("gateway and workers replaced under load") as step:
        before = {container["Id"] for container in compose.containers()}
        with load:
            for service in ("gateway", "worker", "gateway"):
                compose.up(service, workers=2, again=True)
        step.result = str(load.account)
        if not load.account.sound:
            raise CommandFailed(str(load.account))
        kept = before & {container["Id"] for container in compose.containers()}
        if len(kept) != len(("redis", "prometheus")):
            raise CommandFailed("gateway or worker was not replaced")


def _restored(compose: Compose, engine: Engine, steps: Steps, key: str, folder: Path) -> None:
    """Backs Redis up, loses it, restores it, and asks for a certificate of before."""
    image = compose_images()["redis"]
    with smoothgen.Client(GATEWAY, api_key=key) as client:
        made = client.generate("0.25", model="closed-form-tanh", sigma=0.5, samples=400)
        with steps.step("backup of Redis") as step:
            step.result = back_up(compose, engine, folder, image)
        with steps.step("Redis lost and restored") as step:
            lose_and_restore(compose, engine, folder, image)
            with httpx2.Client(base_url=GATEWAY) as http:
                eventually(lambda: http.get("/readyz").status_code == 200, timeout_s=60)
            if client.certificate(made.id) != made.certificate:
                raise CommandFailed("the certificate that is read after the restore is another")
            again = client.generate("0.25", model="closed-form-tanh", sigma=0.5, samples=400)
            if not again.verify():
                raise CommandFailed("a certificate issued after the restore does not verify")
            step.result = f"old certificate read, new one valid; {compose.health()}"


if __name__ == "__main__":
    sys.exit(exit_code(main))
