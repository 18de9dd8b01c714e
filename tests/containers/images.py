"""First half of a run, with the machine's network: base image, both images of the Dockerfile, stand-ins, SBOMs.

python -m tests.containers.images FOLDER DATA OUT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import yaml

from tests.containers.base_image import make_base
from tests.containers.engine import ROOT, CommandFailed, Engine
from tests.containers.halves import exit_code
from tests.containers.package_sources import local_wheels, pip_options
from tests.containers.places import Places, places
from tests.containers.sbom import install_tool, write_sbom
from tests.containers.stand_ins import build_stand_ins
from tests.containers.steps import Steps

_WEIGHTS = (".safetensors", ".gguf", ".onnx", ".pt")
_CONTENT = f"""
import importlib.util, json, os, sys
files = [os.path.join(at, name) for at, _, names in os.walk("/opt") for name in names]
installed = importlib.util.find_spec("torch") is not None
if installed:
    import torch
print(json.dumps({{
    "torch": torch.__version__ if installed else None,
    "weights": [name for name in files if name.endswith({_WEIGHTS!r})],
    "writable": [name for name in files if os.access(name, os.W_OK)],
}}))
"""


def compose_images() -> dict[str, str]:
    """Returns the image that each service of the compose file names."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {name: service["image"] for name, service in services.items()}


def build(engine: Engine, target: str, image: str, base: str, index: str | None) -> str:
    """Builds one target of the Dockerfile, unchanged, and returns its size. index: where torch's CPU build lies."""
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    arguments = {"BASE": base, "REVISION": revision.stdout.strip() or "unknown"}
    if target == "worker":
        arguments["TORCH"] = "cpu"
        indexes = " ".join(filter(None, [os.environ.get("PIP_EXTRA_INDEX_URL"), index]))
        arguments |= {"PIP_EXTRA_INDEX_URL": indexes} if indexes else {}
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    engine.docker("build", "--network=host", "--target", target, *given, "--tag", image, ROOT, seconds=3600)
    return f"{engine.inspect(image)['Size'] / 1e6:.0f} MB"


def check_image(engine: Engine, target: str, image: str) -> str:
    """Returns what stands out in an image. Raises CommandFailed where it is not what the Dockerfile promises."""
    config = engine.inspect(image)["Config"]
    run = ["run", "--rm", "--network=none", "--read-only", "--entrypoint=python", image, "-c", _CONTENT]
    content: dict[str, Any] = json.loads(engine.docker(*run))
    wrong = []
    if config["User"] != "10001:10001":
        wrong.append(f"its user is {config['User']!r}")
    if "/livez" not in config.get("Healthcheck", {}).get("Test", []):
        wrong.append("it has no health check")
    if content["writable"]:
        wrong.append(f"its user may write to {content['own'][:3]}")
    if target == "gateway" and (content["torch"] or content["weights"]):
        wrong.append(f"it holds torch {content['torch']} and weights {content['weights'][:3]}")
    if target == "worker" and not str(content["torch"]).endswith("+cpu"):
        wrong.append(f"its torch is {content['torch']}")
    if wrong:
        raise CommandFailed(f"{image}: {'; '.join(wrong)}")
    return f"torch {content['torch'] or 'absent'}, files of weights {len(content['weights'])}"


def main() -> int:
    """Build everything; exit code 1 at the first failure."""
    at: Places = places(__doc__)
    steps, images = Steps(at.steps), compose_images()
    with Engine(at.data, at.state, network=False) as engine:
        with steps.step("base image, by debootstrap") as step:
            base = make_base(engine, at.folder)
            step.result = f"{base}, {engine.inspect(base)['Size'] / 1e6:.0f} MB"
        with local_wheels(at.folder / "index", pip_options()) as index:
            for target in ("gateway", "worker"):
                with steps.step(f"build of the {target}") as step:
                    step.result = build(engine, target, images[target], base, index)
        with steps.step("images of Redis and Prometheus") as step:
            versions = build_stand_ins(engine, base, images)
            step.result = ", ".join(f"{name} {version}" for name, version in versions.items())
        for target in ("gateway", "worker"):
            with steps.step(f"what the {target} holds") as step:
                step.result = check_image(engine, target, images[target])
            with steps.step(f"SBOM of the {target}") as step:
                install_tool(at.folder / "sbom", dict(os.environ))
                file = at.out / f"smoothgen-{target}.cdx.json"
                step.result = f"{write_sbom(engine, images[target], at.folder / 'sbom', file)} components"
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
